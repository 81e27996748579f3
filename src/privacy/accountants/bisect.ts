/**
 * Where a monotone condition begins to hold.
 *
 * @module
 */

/** Halvings from any bracket of f64 to neighbouring numbers, with some to spare. */
const MAX_HALVINGS = 2200;

/**
 * The least number found to meet a condition that holds from some number on: `low` does not meet it,
 * `high` does. What is returned was tested, and is at most a share `tolerance` above a number that
 * fails; by default it is the next number of f64 or so.
 */
export function leastThat(
  holds: (value: number) => boolean,
  { low, high, tolerance = 0 }: { low: number; high: number; tolerance?: number },
): number {
  let [fails, safe] = [low, high];
  for (let i = 0; i < MAX_HALVINGS && safe - fails > tolerance * Math.abs(safe); i++) {
    const middle = midpoint(fails, safe);
    if (middle <= fails || middle >= safe) break;
    if (holds(middle)) safe = middle;
    else fails = middle;
  }
  return safe;
}

/** Of far apart positive numbers the geometric mean, so that orders of magnitude are halved. */
function midpoint(low: number, high: number): number {
  if (low > 0 && high > 4 * low) return Math.sqrt(low) * Math.sqrt(high);
  return low + (high - low) / 2;
}
