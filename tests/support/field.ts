/**
 * Products in the field of 2¹⁶ elements step by step, from its modulus alone: what every other way must
 * equal.
 *
 * @module
 */

const BITS = 16;
const LOW = 0xffff;

/** a·b. */
export function multiply(a: number, b: number): number {
  let product = 0;
  // −1 is all ones: a mask instead of a branch.
  for (let i = 0; i < BITS; i++) product ^= (a << i) & -((b >>> i) & 1);
  // x¹⁶ = x¹² + x³ + x + 1 lowers a degree of 30 to 26, 22, 18 and below 16.
  for (let i = 0; i < 4; i++) product = (product & LOW) ^ timesTail(product >>> BITS);
  return product;
}

/** Times x¹² + x³ + x + 1, not reduced. */
function timesTail(high: number): number {
  return high ^ (high << 1) ^ (high << 3) ^ (high << 12);
}
