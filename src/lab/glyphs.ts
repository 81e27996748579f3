/**
 * Digits as a hand might write them, drawn by the project: no download, no licence, any number.
 *
 * A digit is a few strokes of a pen, in one of several styles. Each example bends, slants, turns,
 * stretches and shifts them, draws them with a pen of its own width and softness, and adds the
 * grain of a scanner. 16×16 pixels, 0 is paper and 1 is ink.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import type { Dataset } from './dataset.ts';
import { between } from './sampling.ts';

/** Pixels along one side of a glyph. */
export const GLYPH_SIDE = 16;

/** A place on the unit square, y downwards. */
type Point = readonly [x: number, y: number];
/** Where the pen goes without being lifted. */
type Stroke = readonly Point[];

/** Part of an ellipse from angle `from` to `to` in degrees; 0 is east and angles run clockwise. */
function arc(
  [cx, cy]: Point,
  [rx, ry]: readonly [number, number],
  [from, to]: readonly [number, number],
): Point[] {
  const steps = Math.max(2, Math.ceil(Math.abs(to - from) / 15));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}

/** A smooth curve through all the points: uniform Catmull–Rom, ends doubled. */
function curve(...points: Point[]): Point[] {
  const at = (i: number) => points[Math.min(points.length - 1, Math.max(0, i))]!;
  const out: Point[] = [at(0)];
  for (let i = 0; i + 1 < points.length; i++) {
    for (const t of [0.25, 0.5, 0.75, 1]) {
      out.push([
        catmullRom([at(i - 1)[0], at(i)[0], at(i + 1)[0], at(i + 2)[0]], t),
        catmullRom([at(i - 1)[1], at(i)[1], at(i + 1)[1], at(i + 2)[1]], t),
      ]);
    }
  }
  return out;
}

function catmullRom([a, b, c, d]: readonly [number, number, number, number], t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** The styles of each digit. Glyphs fill roughly x in [0.2, 0.8] and y in [0.1, 0.9]. */
// biome-ignore format: one stroke on a line reads as a drawing
const STYLES: readonly (readonly (readonly Stroke[])[])[] = [
  [ // 0: round, narrow, with the ends crossing
    [arc([0.5, 0.5], [0.27, 0.39], [-90, 270])],
    [arc([0.5, 0.5], [0.19, 0.39], [-60, 300])],
    [arc([0.5, 0.52], [0.25, 0.37], [-110, 215]).concat([[0.42, 0.22], [0.56, 0.12]])],
  ],
  [ // 1: a stroke, with a flag, with flag and foot
    [[[0.5, 0.1], [0.5, 0.9]]],
    [[[0.34, 0.3], [0.53, 0.1], [0.53, 0.9]]],
    [[[0.36, 0.26], [0.52, 0.11], [0.52, 0.88]], [[0.32, 0.88], [0.72, 0.88]]],
  ],
  [ // 2: straight foot, looped foot, angular
    [arc([0.48, 0.32], [0.24, 0.21], [-165, 35]).concat([[0.24, 0.88], [0.78, 0.88]])],
    [curve([0.26, 0.3], [0.36, 0.14], [0.58, 0.13], [0.7, 0.3], [0.6, 0.54], [0.38, 0.78], [0.26, 0.84],
      [0.24, 0.72], [0.36, 0.72], [0.56, 0.86], [0.78, 0.82])],
    [[[0.26, 0.22], [0.48, 0.11], [0.7, 0.24], [0.66, 0.44], [0.24, 0.87], [0.76, 0.87]]],
  ],
  [ // 3: two bows, flat top, bows that meet in a small loop
    [arc([0.46, 0.3], [0.23, 0.19], [-155, 85]).concat(arc([0.46, 0.69], [0.26, 0.2], [-85, 150]))],
    [([[0.26, 0.13], [0.72, 0.13], [0.46, 0.43]] as Point[]).concat(arc([0.46, 0.66], [0.26, 0.22], [-85, 145]))],
    [curve([0.26, 0.2], [0.46, 0.11], [0.66, 0.24], [0.58, 0.42], [0.4, 0.48], [0.4, 0.43], [0.6, 0.5],
      [0.72, 0.68], [0.58, 0.86], [0.38, 0.88], [0.24, 0.78])],
  ],
  [ // 4: open, closed, with a bent arm
    [[[0.32, 0.12], [0.24, 0.54], [0.76, 0.54]], [[0.64, 0.3], [0.62, 0.9]]],
    [[[0.6, 0.9], [0.6, 0.1], [0.2, 0.62], [0.8, 0.62]]],
    [curve([0.34, 0.12], [0.28, 0.36], [0.34, 0.52], [0.52, 0.54], [0.68, 0.46]), [[0.7, 0.12], [0.64, 0.9]]],
  ],
  [ // 5: in one go, with the roof added last, slender
    [([[0.74, 0.13], [0.34, 0.13], [0.3, 0.46]] as Point[]).concat(arc([0.46, 0.65], [0.26, 0.23], [-115, 145]))],
    [([[0.34, 0.16], [0.3, 0.46]] as Point[]).concat(arc([0.44, 0.66], [0.28, 0.22], [-105, 130])), [[0.34, 0.15], [0.78, 0.11]]],
    [([[0.68, 0.12], [0.38, 0.14], [0.34, 0.44]] as Point[]).concat(curve([0.34, 0.44], [0.52, 0.42], [0.64, 0.58], [0.6, 0.78], [0.44, 0.89], [0.28, 0.84]))],
  ],
  [ // 6: curved back, straight back, large belly
    [curve([0.66, 0.12], [0.42, 0.26], [0.28, 0.52], [0.28, 0.74], [0.46, 0.9], [0.66, 0.82], [0.7, 0.64], [0.54, 0.52], [0.34, 0.6], [0.27, 0.7])],
    [([[0.56, 0.1]] as Point[]).concat(arc([0.48, 0.68], [0.2, 0.21], [-170, 190]).reverse())],
    [curve([0.58, 0.1], [0.36, 0.3], [0.24, 0.62], [0.32, 0.84], [0.54, 0.9], [0.76, 0.76], [0.7, 0.54], [0.46, 0.48], [0.28, 0.6])],
  ],
  [ // 7: plain, with a bar, with a curved stem and a serif
    [[[0.24, 0.14], [0.76, 0.14], [0.42, 0.9]]],
    [[[0.24, 0.14], [0.76, 0.14], [0.42, 0.9]], [[0.36, 0.5], [0.72, 0.5]]],
    [([[0.26, 0.26], [0.26, 0.14]] as Point[]).concat(curve([0.26, 0.14], [0.5, 0.17], [0.76, 0.12], [0.58, 0.4], [0.48, 0.66], [0.46, 0.9]))],
  ],
  [ // 8: two rings, one stroke, a small head
    [arc([0.5, 0.3], [0.19, 0.19], [90, 450]), arc([0.5, 0.69], [0.24, 0.21], [-90, 270])],
    [curve([0.68, 0.2], [0.5, 0.1], [0.32, 0.22], [0.4, 0.42], [0.62, 0.58], [0.7, 0.76], [0.5, 0.9], [0.3, 0.78], [0.38, 0.58], [0.6, 0.42], [0.68, 0.2])],
    [arc([0.52, 0.27], [0.15, 0.16], [90, 450]), arc([0.48, 0.67], [0.25, 0.23], [-80, 280])],
  ],
  [ // 9: straight stem, curved stem, hooked
    [arc([0.48, 0.32], [0.21, 0.21], [0, 360]).concat([[0.66, 0.9]])],
    [curve([0.7, 0.3], [0.56, 0.12], [0.34, 0.16], [0.27, 0.36], [0.4, 0.52], [0.6, 0.46], [0.71, 0.26], [0.7, 0.56], [0.58, 0.78], [0.4, 0.9])],
    [arc([0.49, 0.31], [0.2, 0.2], [-10, 350]).concat(curve([0.69, 0.3], [0.7, 0.62], [0.62, 0.84], [0.44, 0.89], [0.28, 0.8]))],
  ],
];

/** One hand and pen: how the plan of a digit becomes marks on the pixels. */
interface Hand {
  /** Where a point of the unit square falls, in pixels. */
  place(point: Point): Point;
  /** Half the width of the pen, in pixels. */
  readonly penRadius: number;
  /** Pixels over which ink fades into paper. */
  readonly softness: number;
  /** Blackness of the ink, in (0, 1]. */
  readonly ink: number;
}

function drawHand(random: Random): Hand {
  const turn = 0.09 * random.normal();
  const slant = 0.13 + 0.13 * random.normal();
  const size = 0.84 * GLYPH_SIDE * between(random, 0.84, 1.08);
  const breadth = between(random, 0.8, 1.15);
  const shift: Point = [0.45 * random.normal(), 0.4 * random.normal()];
  const bend = drawBend(random);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return {
    place(point) {
      const [x, y] = bend(point);
      const u = breadth * (x - 0.5) - slant * (y - 0.5);
      const v = y - 0.5;
      return [
        GLYPH_SIDE / 2 + shift[0] + size * (cos * u - sin * v),
        GLYPH_SIDE / 2 + shift[1] + size * (sin * u + cos * v),
      ];
    },
    penRadius: between(random, 0.6, 1.1),
    softness: between(random, 0.8, 1.5),
    ink: between(random, 0.75, 1),
  };
}

/** A gentle wave across the plane, in x and in y: neighbours move together, as in handwriting. */
function drawBend(random: Random): (point: Point) => Point {
  const wave = () => ({
    size: 0.035 * random.normal(),
    phase: between(random, 0, 2 * Math.PI),
    fx: between(random, -5, 5),
    fy: between(random, -5, 5),
  });
  const [a, b] = [wave(), wave()];
  return ([x, y]) => [
    x + a.size * Math.sin(a.fx * x + a.fy * y + a.phase),
    y + b.size * Math.sin(b.fx * x + b.fy * y + b.phase),
  ];
}

/** Square of the distance from (x, y) to the segment from `a` to `b`. */
function squaredDistance(x: number, y: number, [[ax, ay], [bx, by]]: [Point, Point]): number {
  const [ux, uy] = [bx - ax, by - ay];
  const length = ux * ux + uy * uy;
  const along = length > 0 ? ((x - ax) * ux + (y - ay) * uy) / length : 0;
  const t = Math.min(1, Math.max(0, along));
  return (x - ax - t * ux) ** 2 + (y - ay - t * uy) ** 2;
}

/** Lays one segment of ink on the pixels; ink on ink stays ink. */
function drawSegment(pixels: Float32Array, segment: [Point, Point], hand: Hand): void {
  const reach = hand.penRadius + hand.softness;
  const [[ax, ay], [bx, by]] = segment;
  const clip = (value: number) => Math.min(GLYPH_SIDE, Math.max(0, Math.floor(value)));
  const [left, right] = [clip(Math.min(ax, bx) - reach), clip(Math.max(ax, bx) + reach + 1)];
  const [top, bottom] = [clip(Math.min(ay, by) - reach), clip(Math.max(ay, by) + reach + 1)];
  for (let row = top; row < bottom; row++) {
    for (let col = left; col < right; col++) {
      const distance = Math.sqrt(squaredDistance(col + 0.5, row + 0.5, segment));
      const cover = 0.5 + (hand.penRadius - distance) / hand.softness;
      const shade = hand.ink * Math.min(1, cover);
      if (shade > pixels[row * GLYPH_SIDE + col]!) pixels[row * GLYPH_SIDE + col] = shade;
    }
  }
}

/** Draws one digit into `pixels`, which are 256 zeros. */
function drawGlyph(digit: number, pixels: Float32Array, random: Random): void {
  const styles = STYLES[digit]!;
  const hand = drawHand(random);
  for (const stroke of styles[random.below(styles.length)]!) {
    // Each stroke starts where the hand happened to land.
    const [dx, dy] = [0.02 * random.normal(), 0.02 * random.normal()];
    const placed = stroke.map(([x, y]) => hand.place([x + dx, y + dy]));
    for (let i = 0; i + 1 < placed.length; i++) {
      drawSegment(pixels, [placed[i]!, placed[i + 1]!], hand);
    }
  }
  for (let i = 0; i < pixels.length; i++) {
    const grain = pixels[i]! + 0.05 * random.normal();
    // A scanner drops the faintest grey: most of the paper is exactly 0.
    pixels[i] = grain < 0.08 ? 0 : Math.min(1, grain);
  }
}

/**
 * Draws `size` digits, the classes in turn (0, 1, …, 9, 0, …), so that each is equally frequent.
 *
 * The same source of randomness gives the same pixels. About 60 µs for each glyph.
 *
 * @throws {RangeError} if `size` is not a positive integer.
 */
export function drawDigits(size: number, random: Random): Dataset {
  assertInteger('size', size, 1, 1_000_000);
  const features = GLYPH_SIDE * GLYPH_SIDE;
  const inputs = new Float32Array(size * features);
  const labels = Uint8Array.from({ length: size }, (_, i) => i % 10);
  for (let i = 0; i < size; i++) {
    drawGlyph(labels[i]!, inputs.subarray(i * features, (i + 1) * features), random);
  }
  return { inputs, labels, size, features, classes: 10 };
}
