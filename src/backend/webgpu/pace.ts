/**
 * How much of a kernel goes into one submission: about a tenth of a second's worth.
 *
 * A submission that takes seconds is taken for a hang by some drivers, which then drop the device;
 * one of microseconds is all overhead. How long a kernel takes is learned from the clock.
 *
 * @module
 */

/** What a submission should take, and may take before the next ones become smaller. */
const TARGET_MS = 100;
const LIMIT_MS = 200;
/** Operations of the first submission: some 50 ms on a small GPU. */
const FIRST = 2 ** 34;
/** Smaller submissions say more of the machine than of the kernel: they are neither made nor timed. */
export const LEAST_OPERATIONS: number = 2 ** 23;

/**
 * The pace of each kernel of a device. Operations are counted by whoever launches: only their
 * proportion matters once a time has been measured.
 */
export class Pace {
  readonly #most = new Map<string, number>();

  /** Operations that a submission of the kernel should have at most. */
  most(kernel: string): number {
    return this.#most.get(kernel) ?? FIRST;
  }

  /** A submission of so many operations took so long. */
  note(kernel: string, { operations, ms }: { operations: number; ms: number }): void {
    const most = this.most(kernel);
    if (ms > LIMIT_MS) {
      this.#most.set(
        kernel,
        Math.max(LEAST_OPERATIONS, Math.min(most, operations * (TARGET_MS / ms))),
      );
    } else if (ms < TARGET_MS / 2 && operations > most / 2) {
      this.#most.set(kernel, 2 * most);
    }
  }
}
