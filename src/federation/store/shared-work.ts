/**
 * Work whose outcome many may share, such as syncing a folder: whoever asks while it runs gets the next
 * run, which begins after they asked and serves all who ask until then.
 *
 * @module
 */

/** A call of the result is kept by a run of `work` that begins after the call. Runs never overlap. */
export function shared(work: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    if (next !== undefined) return next;
    next = last.then(() => {
      next = undefined;
      return work();
    });
    last = next.catch(() => {});
    return next;
  };
}
