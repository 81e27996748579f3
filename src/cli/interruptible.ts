/**
 * Interrupts: work ends in good order, and temporary files go.
 *
 * @module
 */

import { Interrupted } from './failure.ts';

/**
 * Runs `work` with a signal that SIGINT and SIGTERM abort. Further ones while it cleans up change
 * nothing: whoever started this process may relay a signal that the terminal has sent it already.
 *
 * @throws {Interrupted} whatever an interrupted `work` makes of it.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new Interrupted());
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } catch (error) {
    // What an interrupt makes of a child that it ends as well is not the news.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
