/**
 * What a detector is: it looks at the updates of a round and says of each how far out it lies.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import type { Geometry } from '../rules/geometry.ts';
import type { ClientMemory } from './memory.ts';

/** A row that the server trusts, as the clients' rows see it. */
export interface TrustedRow {
  readonly norm: number;
  /** ⟨xᵢ, row⟩ for each client. */
  readonly products: Float64Array;
}

/** A round as detectors see it. All rows are finite; arrays have one entry for each. */
export interface Scene {
  readonly clients: readonly string[];
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  readonly geometry: Geometry;
  /** ‖xᵢ‖. */
  readonly norms: Float64Array;
  /** cos(xᵢ, z) with z the geometric median of the rows; 0 where either is zero. */
  readonly agreement: Float64Array;
  /** The step that the global model took last. */
  readonly step?: TrustedRow;
  /** An update of the server's own. */
  readonly root?: TrustedRow;
  /** What is remembered of each client, and how its row is projected, if the server remembers. */
  readonly past?: {
    readonly memories: readonly (ClientMemory | undefined)[];
    readonly sketches: readonly Float64Array[];
  };
  /** The rows, for what needs their coordinates. */
  readonly x: Matrix;
  readonly ops: Ops;
}

/** What a detector says of one client. */
export interface Measure {
  /** In the detector's own unit, as its paper has it. */
  readonly score: number;
  /** How far out that is, the more the worse; at most 10⁶. */
  readonly deviation: number;
  /** The score in words, as the end of a sentence about the client's update. */
  readonly words: string;
}

/** A way to look at a round. Holds no state. */
export interface Detector {
  /** In kebab-case; the name of the file. */
  readonly name: string;
  /** What it looks at, in a few words. */
  readonly looksAt: string;
  /** Where it comes from. */
  readonly paper: string;
  /**
   * Deviations above it count: hardly ever those of an honest client, however its data are mixed. See
   * `docs/detection.md` for how it was found.
   */
  readonly threshold: number;
  /** Whether it adds to what others find, and never suspects alone. Default false. */
  readonly corroborates?: boolean;
  /**
   * One measure for each client; undefined where the round lacks what the detector looks at. Of a
   * single client it can say nothing, either.
   */
  examine(
    scene: Scene,
  ):
    | readonly (Measure | undefined)[]
    | undefined
    | Promise<readonly (Measure | undefined)[] | undefined>;
}
