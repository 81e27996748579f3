/**
 * Virtual time: what is to happen, in the order of when; what is due together happens in the order in
 * which it was entered.
 *
 * @module
 */

/** An entry and when it is due, in milliseconds. */
export interface Due<T> {
  readonly at: number;
  readonly what: T;
}

/** A queue by time. Each call takes O(log n). */
export class Agenda<T> {
  readonly #heap: (Due<T> & { readonly order: number })[] = [];
  #entered = 0;

  get size(): number {
    return this.#heap.length;
  }

  enter(at: number, what: T): void {
    const heap = this.#heap;
    const entry = { at, what, order: this.#entered++ };
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const above = (place - 1) >>> 1;
      if (!isBefore(entry, heap[above]!)) break;
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = entry;
  }

  /** What is due first; `undefined` once nothing is left. */
  next(): Due<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

interface Ordered {
  readonly at: number;
  readonly order: number;
}

function isBefore(a: Ordered, b: Ordered): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
