/* The engine in the browser, as the page sees it: `engine`, and the types of the seam. */
export * from './types.ts';
export type { Methods, Method } from './methods.ts';
