/**
 * All findings about a client in one score.
 *
 * @module
 */

/** What is needed of a finding. */
interface Weighed {
  readonly deviation: number;
  readonly threshold: number;
  readonly corroborates: boolean;
}

/** Scores above it are suspected. */
export const THRESHOLD = 1;

/** A finding that never suspects alone counts for no more. */
const MOST_ALONE = 0.7;
/** Between the sum of all findings, which many small ones could drive up, and the largest alone. */
const POWER = 4;

/**
 * The score, and the finding that weighs most; 0 of no finding. With sₖ the deviations over their
 * thresholds, those below 0 left out, it is (Σ sₖ⁴)^¼: one finding at its threshold is enough, and two at
 * five sixths of it.
 */
export function combined<F extends Weighed>(
  findings: readonly F[],
): { readonly score: number; readonly main?: F } {
  let main: F | undefined;
  let largest = 0;
  const shares = findings.map((finding) => {
    const { deviation, threshold, corroborates } = finding;
    const share = Math.min(
      corroborates ? MOST_ALONE : Number.POSITIVE_INFINITY,
      Math.max(0, deviation / threshold),
    );
    if (share > largest) [main, largest] = [finding, share];
    return share;
  });
  // In units of the largest, so that no power leaves f64.
  const sum = shares.reduce(
    (all, share) => all + (largest > 0 ? (share / largest) ** POWER : 0),
    0,
  );
  return { score: largest * sum ** (1 / POWER), ...(main && { main }) };
}
