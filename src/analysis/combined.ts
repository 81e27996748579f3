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

/** By how much findings that never suspect alone raise the others, at most. */
const MOST_RAISED = 1.4;
/** Between the sum of all findings, which many small ones could drive up, and the largest alone. */
const POWER = 4;

/**
 * The score, and the finding that weighs most; 0 of no finding. With sₖ the deviations over their
 * thresholds, those below 0 left out, it is (Σ sₖ⁴)^¼: one finding at its threshold is enough, and two at
 * five sixths of it. Findings that corroborate are not in the sum: the largest of them, at its threshold
 * or above, makes it 1.4 times as large.
 */
export function combined<F extends Weighed>(
  findings: readonly F[],
): { readonly score: number; readonly main?: F } {
  let main: F | undefined;
  let [largest, support] = [0, 0];
  const shares = findings.map((finding) => {
    const share = Math.max(0, finding.deviation / finding.threshold);
    if (finding.corroborates) support = Math.max(support, Math.min(1, share));
    else if (share > largest) [main, largest] = [finding, share];
    return finding.corroborates ? 0 : share;
  });
  if (main === undefined) return { score: 0 };
  // In units of the largest, so that no power leaves f64.
  const sum = shares.reduce((all, share) => all + (share / largest) ** POWER, 0);
  const raised = 1 + (MOST_RAISED - 1) * support;
  return { score: raised * largest * sum ** (1 / POWER), main };
}
