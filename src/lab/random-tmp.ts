import type { Random } from './sampling.ts';
export function createRandom(seed: number): Random {
  let s = seed >>> 0;
  return {
    uniform() {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
    },
  };
}
