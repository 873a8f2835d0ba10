/* A bare page with nothing but the engine on it, for tests. */
import { engine } from '../../src/engine/engine.ts';

Object.assign(window, { engine, started: engine.start() });
