/**
 * Dawn under Node asks for news in every turn of the event loop for as long as it waits for anything,
 * by way of `setImmediate`: while an emulated GPU compiles, a whole processor does nothing but ask.
 * Here it pauses for a millisecond after every few questions, and leaves the processor to others.
 *
 * @module
 */

/** Questions between two pauses: most waits are over sooner. */
const QUESTIONS = 20;

const immediately = globalThis.setImmediate;

/** Whether it is what Dawn calls back: a function of an addon, without a name. */
function isQuestion(callback: { readonly name: string; readonly length: number }): boolean {
  const { name, length } = callback;
  return name === '' && length === 0 && `${callback}`.includes('[native code]');
}

let questions = 0;

function laterOn<Args extends unknown[]>(
  callback: (...args: Args) => void,
  ...args: Args
): unknown {
  return isQuestion(callback) && ++questions % QUESTIONS === 0
    ? setTimeout(callback, 1, ...args)
    : immediately(callback, ...args);
}

// With what `promisify` needs.
globalThis.setImmediate = Object.assign(laterOn as typeof setImmediate, immediately);
