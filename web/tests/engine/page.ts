/* A bare page with nothing but the engine on it, for tests. */
import { engine } from '../../src/engine/engine.ts';

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/* Blobs by hand: the policy lets nothing be fetched but from the server. */
Object.assign(window, { engine, started: engine.start(),
  fetchless: (base64: string) => new Blob([bytesOf(base64)]),
  blobOf: (url: string) => blobs.get(url) });

const blobs = new Map<string, Blob>();
const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob: Blob) => {
  const url = make(blob);
  blobs.set(url, blob);
  return url;
};
