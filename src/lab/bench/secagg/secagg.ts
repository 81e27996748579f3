/**
 * Secure aggregation: what its server does with its time, beside what others published; what a client
 * takes; and what a server holds.
 *
 * The grid is that of Bonawitz and others, CCS 2017: a complete graph, 100 000 entries, and clients
 * that drop out once they have shared their secrets. Every sum is held against the inputs, word by
 * word.
 *
 * @module
 */

import { createNodeCrypto } from '../../../secagg/crypto/create-node.ts';
import { nobleCrypto } from '../../../secagg/crypto/noble.ts';
import type { CryptoProvider } from '../../../secagg/crypto/provider.ts';
import type { Masks } from '../../../secagg/masks.ts';
import { SLOTS } from '../../../secagg/suite.ts';
import type { Bench, Question, Shape, Timing } from '../bench.ts';
import { timed } from '../bench.ts';
import { spreadOf } from '../statistics.ts';
import { type Counts, type Seconds, totalOf } from './ledger.ts';
import { LINES } from './lines.ts';
import { type MaskMaker, maskMakers, SAMPLE_KEYS, timeMasks } from './makers.ts';
import { measureHeld } from './memory.ts';
import { type MeasuredRound, measureDealt, measureReal, type Tools } from './rounds.ts';
import { type CryptoRates, sampleCrypto } from './samples.ts';
import { secaggTables } from './tables.ts';

/** What is measured. */
interface Sizes {
  readonly grid: readonly Shape[];
  /** Shares of the clients that drop out. */
  readonly dropouts: readonly number[];
  /** A round in which everybody is real; a tenth drops out. */
  readonly round: Shape;
  readonly memory: readonly Shape[];
}

const FULL: Sizes = {
  grid: [
    { n: 500, d: 100_000 },
    { n: 1000, d: 100_000 },
  ],
  dropouts: [0, 0.1, 0.3],
  round: { n: 100, d: 1_000_000 },
  memory: [
    { n: 50, d: 100_000 },
    { n: 100, d: 100_000 },
    { n: 50, d: 1_000_000 },
    { n: 100, d: 1_000_000 },
  ],
};
const QUICK: Sizes = {
  grid: [{ n: 20, d: 2000 }],
  dropouts: [0, 0.1, 0.3],
  round: { n: 12, d: 5000 },
  memory: [
    { n: 10, d: 1000 },
    { n: 20, d: 20_000 },
  ],
};

/**
 * Seconds that Bonawitz and others published, by clients and share of them that drop out: one thread of
 * Java on a Xeon E5-1650 v3, AES in counter mode. Rounded, and taken second-hand.
 */
const PUBLISHED: Readonly<Record<string, { readonly server?: number; readonly client?: number }>> =
  {
    '500 0': { server: 2, client: 0.85 },
    '500 0.1': { server: 62 },
    '500 0.3': { server: 143 },
    '1000 0': { client: 1.7 },
    '1000 0.1': { server: 181 },
    '1000 0.3': { server: 414 },
  };

/** The question. */
export const secaggTimes: Question = {
  name: 'secagg',
  asks: 'What does secure aggregation take?',
  async ask(bench) {
    const native = await createNodeCrypto();
    const makers = await maskMakers(bench);
    try {
      const lab = { bench, native, noble: nobleCrypto(), makers };
      await new SecaggBench(lab, bench.settings.quick ? QUICK : FULL).run();
    } finally {
      for (const { close } of makers) await close();
      await native.close();
    }
  },
  table: secaggTables,
};

/** What there is to measure with. */
interface Lab {
  readonly bench: Bench;
  readonly native: CryptoProvider;
  readonly noble: CryptoProvider;
  readonly makers: readonly MaskMaker[];
}

/** A maker, and how many bytes of keystream it makes and adds in a second. */
interface Rated {
  readonly maker: MaskMaker;
  readonly rate: number;
}

class SecaggBench {
  readonly #lab: Lab;
  readonly #sizes: Sizes;

  constructor(lab: Lab, sizes: Sizes) {
    this.#lab = lab;
    this.#sizes = sizes;
  }

  async run(): Promise<void> {
    const { grid, dropouts, round, memory } = this.#sizes;
    const rates = await sampleCrypto(this.#lab.noble);
    await this.#warmUp();
    for (const d of new Set(grid.map((shape) => shape.d))) {
      const ranked = await this.#rank(d);
      for (const shape of grid.filter((one) => one.d === d)) {
        for (const dropout of dropouts) await this.#timeServer(shape, { dropout, ranked, rates });
      }
    }
    await this.#timeRound(round, await this.#rank(round.d));
    for (const shape of memory) await this.#weighServer(shape);
  }

  /** A round that does not count, so that code is compiled. */
  async #warmUp(): Promise<void> {
    const tools = this.#tools(this.#lab.makers[0]!);
    const round = { n: 20, d: 1000, dropped: 2, seed: 1, server: tools, dealer: tools };
    await measureDealt({ ...round, real: [tools] });
  }

  /** All makers, the fastest first. */
  async #rank(d: number): Promise<Rated[]> {
    const { bench, makers } = this.#lab;
    const rated: Rated[] = [];
    for (const maker of makers) {
      const seconds = await timeMasks(maker, { settings: bench.settings, cols: SLOTS + d });
      const bytes = 4 * (SLOTS + d) * SAMPLE_KEYS;
      // Whoever else is at work here does not decide who is the fastest.
      rated.push({ maker, rate: bytes / seconds.min });
      const problem = maker.problem();
      bench.record(
        timed(
          {
            ...lineOf(LINES.masks, { n: SAMPLE_KEYS, d }, maker),
            note: `by ${maker.name}: ${(bytes / seconds.median / 1e9).toFixed(2)} GB/s of keystream`,
            ...(problem !== undefined && { problem }),
          },
          seconds,
        ),
      );
    }
    return rated.sort((a, b) => b.rate - a.rate);
  }

  async #timeServer(
    { n, d }: Shape,
    options: { dropout: number; ranked: readonly Rated[]; rates: CryptoRates },
  ): Promise<void> {
    const { bench, noble } = this.#lab;
    const { dropout, ranked, rates } = options;
    const dropped = Math.round(n * dropout);
    const [fastest, second] = ranked as [Rated, Rated];
    // Another than the server's, so that each is held against the other, unless that takes too long.
    const dealer = second.rate >= fastest.rate / 2 ? second : fastest;
    // A client has one thread.
    const byNode = this.#lab.makers.find(({ name }) => name === 'Node’s own')!;
    const byNoble = this.#lab.makers.find(({ name }) => name === 'noble')!;
    const clients: [string, MaskMaker, Tools][] = [
      ['node', byNode, this.#tools(byNode)],
      ['noble', byNoble, this.#tools(byNoble, noble)],
    ];
    const real = dropout === 0 ? clients : [];
    const measured = await measureDealt({
      n,
      d,
      dropped,
      seed: bench.settings.seed,
      server: this.#tools(fastest.maker),
      dealer: this.#tools(dealer.maker),
      real: real.map(([, , tools]) => tools),
      signal: bench.settings.repeats.signal,
    });
    const { keys, seconds } = measured.dealer.made;
    const others = ranked.slice(1).map(({ maker, rate }) => {
      // What the dealer made was no sample.
      const bytes = 4 * (SLOTS + d);
      const perKey = maker === dealer.maker ? seconds / keys : bytes / rate;
      return [`expansion by ${maker.name}`, perKey] as const;
    });
    const expanded = measured.counts.expansion ?? 0;
    const otherwise = {
      ...byNobleOf(measured.counts, rates),
      ...Object.fromEntries(others.map(([name, perKey]) => [name, perKey * expanded])),
    };
    const published = PUBLISHED[`${n} ${dropout}`];
    const shape = { n, d, dropped };
    this.#record(LINES.server, measured.seconds, {
      ...{ shape, maker: fastest.maker, problem: measured.problem, otherwise },
      published: published?.server,
      note: `${expanded} masks by ${fastest.maker.name}, ${this.#lab.native.name}`,
    });
    this.#record(LINES.unmasking, measured.unmasking, { shape, maker: fastest.maker });
    for (const [i, [name, maker]] of real.entries()) {
      this.#record(LINES.client, measured.clients[i]!, {
        ...{ shape, maker, note: `by ${name}` },
        published: published?.client,
      });
    }
  }

  async #timeRound({ n, d }: Shape, [fastest]: readonly Rated[]): Promise<void> {
    const { seed, repeats } = this.#lab.bench.settings;
    const { maker } = fastest!;
    const tools = this.#tools(maker);
    const dropped = Math.round(n / 10);
    const start = performance.now();
    const measured: MeasuredRound = await measureReal({
      ...{ n, d, dropped, seed, server: tools, client: tools },
      signal: repeats.signal,
    });
    const wall = (performance.now() - start) / 1000;
    const shape = { n, d, dropped };
    const inSum = measured.clients.slice(0, n - dropped);
    const mean = Object.fromEntries(
      Object.keys(inSum[0]!).map((part) => {
        const sum = inSum.reduce((total, one) => total + (one[part as keyof Seconds] ?? 0), 0);
        return [part, sum / inSum.length];
      }),
    );
    const note = `all of the round took ${wall.toFixed(1)} s, masks by ${maker.name}`;
    const { problem } = measured;
    this.#record(LINES.roundServer, measured.seconds, { shape, maker, problem, note });
    this.#record(LINES.roundUnmasking, measured.unmasking, { shape, maker });
    this.#record(LINES.roundClient, mean, { shape, maker, note: 'mean of the survivors' });
  }

  async #weighServer({ n, d }: Shape): Promise<void> {
    const { bench, makers } = this.#lab;
    const maker = makers.find(({ name }) => name === 'Node’s own')!;
    const { seed, repeats } = bench.settings;
    const start = performance.now();
    const held = await measureHeld({ n, d, seed, ...this.#tools(maker), signal: repeats.signal });
    const { problem } = held;
    bench.record({
      ...lineOf(LINES.held, { n, d }, maker),
      seconds: spreadOf([(performance.now() - start) / 1000]),
      heldBytes: held.state,
      note: `the process grew by ${Math.round(held.growth / 1024)} KiB`,
      ...(problem !== undefined && { problem }),
    });
  }

  #tools(maker: MaskMaker, crypto: CryptoProvider = this.#lab.native): Tools {
    const { signal } = this.#lab.bench.settings.repeats;
    const masks: Masks = {
      add(words, given) {
        // What takes longest: nothing else need look.
        signal?.throwIfAborted();
        return maker.masks.add(words, given);
      },
    };
    return { crypto, masks };
  }

  #record(what: string, parts: Seconds, more: Line): void {
    const { shape, maker, problem, note, otherwise, published } = more;
    const wrong = problem ?? maker.problem();
    this.#lab.bench.record({
      ...lineOf(what, shape, maker),
      dropped: shape.dropped,
      seconds: spreadOf([totalOf(parts)]),
      parts: { ...parts },
      ...(otherwise && { otherwise }),
      ...(published !== undefined && { published }),
      ...(note !== undefined && { note }),
      ...(wrong !== undefined && { problem: wrong }),
    });
  }
}

interface Line {
  readonly shape: Shape & { readonly dropped: number };
  readonly maker: MaskMaker;
  readonly problem?: string | undefined;
  readonly note?: string;
  readonly otherwise?: Readonly<Record<string, number>>;
  readonly published?: number | undefined;
}

function lineOf(
  what: string,
  { n, d }: Shape,
  { backend, threads }: MaskMaker,
): Pick<Timing, 'question' | 'what' | 'mode' | 'n' | 'd' | 'backend' | 'threads'> {
  return { question: 'secagg', what, mode: 'round', n, d, backend, threads };
}

/** Seconds that cryptography would take by noble. */
function byNobleOf(counts: Counts, rates: CryptoRates): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rates).map(([part, seconds]) => [
      `${part} by noble`,
      seconds * (counts[part as keyof CryptoRates] ?? 0),
    ]),
  );
}
