/**
 * Time as a client sees it: an argument, so that tests need not wait.
 *
 * @module
 */

/** Tells the time and lets it pass. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Ends after so many milliseconds. @throws The signal's reason, once it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest that a timer of the platform can be set to. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** That of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    let left = ms;
    do {
      await oneSleep(Math.min(left, LONGEST_TIMER), signal);
      left -= LONGEST_TIMER;
    } while (left > 0);
  },
};

function oneSleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * What `work` gives, whose signal is aborted after so many milliseconds, and with `signal`. The timer
 * goes when the work ends.
 */
export async function within<T>(
  work: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly clock: Clock;
    readonly ms: number;
    /** What the inner signal is aborted with when time is up. */
    readonly reason: () => Error;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<T> {
  const { clock, ms, reason, signal } = options;
  const timer = new AbortController();
  const inner = new AbortController();
  const relay = (): void => inner.abort(signal!.reason);
  if (signal?.aborted) relay();
  signal?.addEventListener('abort', relay, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => inner.abort(reason()),
    () => {},
  );
  try {
    return await work(inner.signal);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', relay);
  }
}
