/**
 * Infinity: rows of nothing but +∞, the crudest attack. One such row ruins a plain mean; the screen
 * or any rule told to tolerate it should not notice.
 *
 * @module
 */

import type { Attack } from './attack.ts';

/** +∞ in every coordinate, from every attacker. */
export function inf(): Attack {
  return {
    name: 'inf',
    async craft(honest, ops) {
      const row = {
        cols: honest.cols,
        read: (_from: number, _to: number, into: Float32Array) => {
          into.fill(Number.POSITIVE_INFINITY);
        },
      };
      return { value: ops.matrix([row]) };
    },
  };
}
