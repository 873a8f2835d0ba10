/* The one engine of this page. */
export { engine, EngineError } from '../engine/engine.ts';
