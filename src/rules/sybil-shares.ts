/**
 * FoolsGold's shares: what a client counts for, by how alike others are to it.
 *
 * Fung, Yoon, Beschastnikh. "The limitations of federated learning in sybil settings", RAID 2020.
 *
 * @module
 */

/** The authors' code takes the most trusted for this, so that the logit is finite. */
const MOST = 0.99;

/**
 * α of each client, in [0, 1], from cosine distances n×n of what each has sent in all.
 *
 * With sᵢⱼ the cosines and vᵢ = maxⱼ sᵢⱼ: where vᵢ < vⱼ, sᵢⱼ is pardoned to sᵢⱼ·vᵢ/vⱼ, since i is alike
 * to j only as honest clients may be. Then αᵢ = 1 − maxⱼ sᵢⱼ, brought to [0, 1] and divided by the largest;
 * and ln(α/(1 − α)) + ½, brought to [0, 1], parts those that are alike from the others.
 * α is 0 for all where all are alike, and for rows that are not finite.
 */
export function sybilShares(distances: Float64Array, finite: readonly boolean[]): Float64Array {
  const n = finite.length;
  const able = [...finite.keys()].filter((i) => finite[i]);
  const others = (i: number): number[] => able.filter((j) => j !== i);
  const alike = (i: number, j: number): number => 1 - distances[i * n + j]!;
  const closest = new Float64Array(n);
  for (const i of able) closest[i] = Math.max(0, ...others(i).map((j) => alike(i, j)));
  const shares = new Float64Array(n);
  for (const i of able) {
    const pardoned = others(i).map((j) =>
      closest[i]! < closest[j]! ? (alike(i, j) * closest[i]!) / closest[j]! : alike(i, j),
    );
    shares[i] = 1 - Math.max(0, ...pardoned);
  }
  const largest = Math.max(0, ...shares);
  // Rounding may leave the last bits of 0: those shall not be blown up to a weight.
  if (largest < 2 ** -20) return new Float64Array(n);
  return shares.map((share) => {
    const odds = Math.min(MOST, share / largest);
    return odds <= 0 ? 0 : Math.min(1, Math.max(0, Math.log(odds / (1 - odds)) + 0.5));
  });
}
