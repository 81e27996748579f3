/**
 * SCAFFOLD at a client: gradients that are corrected, and the change of its control variate.
 *
 * Karimireddy et al. "SCAFFOLD: stochastic controlled averaging for federated learning", ICML 2020, option
 * II for the clients’ variates.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';

/** What a client’s local descent works with. */
export interface ScaffoldClient {
  /** c, as the server sent it with the model. */
  readonly control: Float32Array;
  /** cᵢ, which the client keeps from the last round that it took part in; zeros before the first. */
  readonly own: Float32Array;
}

/**
 * Corrects the gradient of a local step in place: g ← g − cᵢ + c.
 *
 * @throws {RangeError} if lengths differ.
 */
export function correctGradient(
  gradient: Float32Array | Float64Array,
  { control, own }: ScaffoldClient,
): void {
  assertLengths(gradient.length, { control, own });
  for (let j = 0; j < gradient.length; j++) gradient[j] = gradient[j]! + (control[j]! - own[j]!);
}

/**
 * A client’s new variate and its difference from the old one, after K local steps that have changed the
 * model by `delta`: cᵢ⁺ = cᵢ − c − Δᵢ/(K·η_l), Δcᵢ = −c − Δᵢ/(K·η_l). What is sent is
 * `controlScale`·Δcᵢ, behind Δᵢ.
 *
 * @throws {TypeError | RangeError} if lengths differ or a setting is out of its range.
 */
export function controlChange(
  delta: Float32Array,
  options: ScaffoldClient & { readonly steps: number; readonly learningRate: number },
): { readonly own: Float32Array; readonly change: Float32Array } {
  const { control, own, steps, learningRate } = options;
  assertLengths(delta.length, { control, own });
  const reach = assertInteger('steps', steps, 1) * assertPositive('learningRate', learningRate);
  const change = delta.map((moved, j) => -control[j]! - moved / reach);
  return { own: own.map((c, j) => c - control[j]! - delta[j]! / reach), change };
}

function assertLengths(length: number, rows: Readonly<Record<string, Float32Array>>): void {
  for (const [name, row] of Object.entries(rows)) {
    if (row.length === length) continue;
    throw new RangeError(`${name} must have ${length} entries, got ${row.length}`);
  }
}
