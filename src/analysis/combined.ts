/**
 * All findings about a client in one score.
 *
 * @module
 */

/** What is needed of a finding. */
interface Weighed {
  readonly deviation: number;
  readonly threshold: number;
}

/** Scores above it are suspected. */
export const THRESHOLD = 1;

/** The score, and the finding that weighs most; 0 of no finding. */
export function combined<F extends Weighed>(
  findings: readonly F[],
): { readonly score: number; readonly main?: F } {
  let main: F | undefined;
  let squares = 0;
  for (const finding of findings) {
    const share = Math.max(0, finding.deviation / finding.threshold);
    squares += share ** 2;
    if (main === undefined || share > main.deviation / main.threshold) main = finding;
  }
  return { score: Math.sqrt(squares), ...(main && { main }) };
}
