import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, NoiseTable } from '../../../src/backend/kernels.ts';
import { drawn } from '../../../src/backend/reference/lattice-noise.ts';
import { aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { discreteGaussian } from '../../../src/privacy/lattice/laws.ts';
import { gaussianPlan } from '../../../src/privacy/lattice/noise-plan.ts';
import { noiseNonce } from '../../../src/privacy/lattice/noise-stream.ts';
import { expectSameWords } from '../../support/words.ts';
import { checks, type Fault, failures, restated, type Subject } from './battery.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256);

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend('wasm', { threads: 1 });
});
afterAll(() => backend?.close());

/** The kernels of wasm, and of one draw the reference, whose words they give. */
const kernels: Subject = {
  table: (table) => table,
  draw: drawn,
  sample: async (draws, address, count) => {
    const nonce = noiseNonce({ round: 1, tensor: 0, purpose: 0, ...address });
    const zeros = backend.words([new Uint32Array(count)]);
    const noise = { key: KEY, nonce, draws };
    return new Int32Array((await backend.readWords(backend.addLatticeNoise(zeros, noise))).buffer);
  },
};

/** A check counts tails to five deviations, of which 2²⁴ draws hold ten. */
const COUNTS: Readonly<Record<string, number>> = { 'tails are as long as they must be': 2 ** 24 };

describe('noise of the kernels', () => {
  test.each(Object.entries(checks))('%s', async (name, check) => {
    await check(kernels, COUNTS[name] ?? 2 ** 22);
  });
});

describe('the draw restated', () => {
  test('gives the words of the kernels', async () => {
    const { draws } = gaussianPlan(2 ** 20);
    const address = { round: 3, tensor: 1, purpose: 7 };
    const count = 2 ** 18;
    expectSameWords(
      await restated().sample(draws, address, count),
      await kernels.sample(draws, address, count),
    );
  });

  test('passes the battery', async () => {
    expect(await failures(restated(), 2 ** 17)).toEqual([]);
  });

  /** Each fault, and a check that must tell. */
  const faults: [Fault, keyof typeof checks][] = [
    ['at most the threshold', 'chosen words draw what they must'],
    ['threshold words swapped', 'a draw has the masses of its law'],
    ['alias ignored', 'a draw has the moments of its law'],
    ['an alias off by one', 'tables give each value its weight'],
    ['a threshold off by one', 'tables give each value its weight'],
    ['rows read from the next column', 'a draw has the masses of its law'],
    ['threshold cut to 24 bits', 'chosen words draw what they must'],
    ['column shares bits with the threshold', 'chosen words draw what they must'],
    ['counter used again', 'columns know nothing of one another'],
    ['one counter for two lanes', 'lanes of a vector know nothing of one another'],
    ['round left out of the nonce', 'addresses and levels know nothing of one another'],
    ['tensor left out of the nonce', 'no two blocks of a run are equal'],
    ['level left out of the nonce', 'addresses and levels know nothing of one another'],
    ['first level dropped', 'a sum has low bits of every level that are uniform'],
    ['second level dropped', 'a sum has low bits of every level that are uniform'],
    ['last level dropped', 'a sum has the distribution of one Gaussian'],
  ];

  test.each(faults)('fails it with this fault: %s', async (fault, check) => {
    expect(await failures(restated(fault), 2 ** 16, [check])).toEqual([check]);
  });
});

describe('how long a draw takes tells nothing of it', () => {
  test('the reference reads as many words, whatever it draws', () => {
    const table = aliasTable(discreteGaussian(64));
    let reads = 0;
    const counted = (words: Uint32Array): Uint32Array =>
      new Proxy(words, {
        get: (target, name) => {
          reads++;
          return Reflect.get(target, name, target);
        },
      });
    const words = counted(table.words);
    const counts = new Set<number>();
    const values = new Set<number>();
    for (let column = 0; column < 256; column++) {
      for (const word of [0, 0x8000_0000, 0xffff_ffff]) {
        reads = 0;
        const random = counted(Uint32Array.of(column, word, word, word));
        values.add(drawn({ ...table, words }, random));
        counts.add(reads);
      }
    }
    expect(values.size).toBeGreaterThan(150);
    expect(counts.size).toBe(1);
  });

  test.each([
    ['shaders/add_lattice_noise.wgsl', /fn drawn\([\s\S]*?\n}/],
    ['src/backend/wasm/assembly/add-lattice-noise.ts', /function fourDraws\([\s\S]*?\n}/],
    ['src/backend/reference/lattice-noise.ts', /function drawn\([\s\S]*?\n}/],
  ])('%s draws without a branch or a loop', (file, body) => {
    const text = readFileSync(join(import.meta.dirname, '../../..', file), 'utf8');
    const [code] = body.exec(text) ?? [];
    expect(code).toBeDefined();
    expect(code!.length).toBeGreaterThan(200);
    expect(code).not.toMatch(/\b(if|for|while|loop|switch|break|continue)\b|\?|&&|\|\|/);
  });

  test('wasm takes as long for the largest values as for zeros', async () => {
    // A table of one row: all draws are one value, its own or its alias.
    const always = (threshold: number, offset: number, alias: number): NoiseTable => ({
      log2Columns: 0,
      offset,
      words: Uint32Array.of(threshold, threshold, threshold, alias),
    });
    const tables = [
      always(0xffff_ffff, 0, 1),
      always(0, 0, 0),
      always(0, 0, 2 ** 31 - 1),
      always(0xffff_ffff, 2 ** 31 - 1, 0),
    ];
    const cols = 2 ** 18;
    const times = tables.map(() => [] as number[]);
    // In turn, so that whatever else runs here disturbs all alike.
    for (let turn = 0; turn < 15; turn++) {
      for (const [k, table] of tables.entries()) {
        const x = backend.words([new Uint32Array(cols)]);
        const noise = { key: KEY, nonce: noiseNonce({ round: turn, tensor: k, purpose: 9 }) };
        const start = performance.now();
        await backend.readWords(
          backend.addLatticeNoise(x, { ...noise, draws: [{ table, factor: 1 }] }),
        );
        times[k]!.push(performance.now() - start);
      }
    }
    // The least of many is least disturbed. Loops that end with the value differ by far more than 2.
    const least = times.map((some) => Math.min(...some));
    expect(Math.max(...least) / Math.min(...least)).toBeLessThan(2);
  });
});
