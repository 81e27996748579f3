/**
 * A turn of the event loop, for work that would otherwise hold it.
 *
 * @module
 */

/**
 * Lets timers, signals and the page have their turn. A message, since timers are slowed down in a
 * page that is not seen.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
