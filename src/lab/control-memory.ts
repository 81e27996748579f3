/**
 * A client's own control variate between the rounds of SCAFFOLD. What a round has made of it counts only if
 * the server has taken that round's update: the server's variate is the mean of what it was told.
 *
 * Karimireddy et al. "SCAFFOLD: stochastic controlled averaging for federated learning", ICML 2020.
 *
 * @module
 */

import { controlChange } from '../federation/optimizers/scaffold-client.ts';

/** How a client descended in a round. */
export interface Descent {
  readonly round: number;
  /** What the server's variate was. */
  readonly control: Float32Array;
  /** What the descent changed the model by. */
  readonly delta: Float32Array;
  readonly steps: number;
  readonly learningRate: number;
}

/** Keeps it in memory: a client that is started anew begins with zeros. */
export class ControlMemory {
  #own: Float32Array | undefined;
  #proposed: { readonly round: number; readonly own: Float32Array } | undefined;

  /**
   * The client's variate as a round begins.
   *
   * @param committed - The last round in which an update of the client was taken.
   */
  own(length: number, committed: number): Float32Array {
    if (this.#proposed !== undefined && this.#proposed.round === committed) {
      this.#own = this.#proposed.own;
    }
    this.#proposed = undefined;
    if (this.#own?.length !== length) this.#own = new Float32Array(length);
    return this.#own;
  }

  /** What the round changes it by: to be sent. */
  propose({ round, delta, ...options }: Descent): Float32Array {
    const { own, change } = controlChange(delta, { ...options, own: this.#own! });
    this.#proposed = { round, own };
    return change;
  }
}
