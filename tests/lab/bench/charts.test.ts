import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Timing } from '../../../src/lab/bench/bench.ts';
import { chartsOf } from '../../../src/lab/bench/charts.ts';
import { judged, LINES, type Ratio } from '../../../src/lab/bench/ratios.ts';
import {
  aligned,
  duration,
  factor,
  isWrong,
  ratioTable,
  timingTable,
} from '../../../src/lab/bench/report.ts';
import { spreadOf } from '../../../src/lab/bench/statistics.ts';

const head = {
  aggregis: '0.0.0',
  started: '2026-01-01T00:00:00Z',
  machine: { cpu: 'a <CPU> & more', cores: 4, memoryGiB: 8, platform: 'linux', runtime: 'Node 20' },
  seed: 1,
  warmUps: 10,
  rounds: 3,
  quick: false,
  bandwidth: { copy: 20e9, read: 30e9, bytes: 2 ** 28 },
  checks: [],
};

function timing(rest: Partial<Timing>, seconds: number): Timing {
  const base = { question: 'rules', what: 'median', mode: 'resident', n: 32, d: 1e6 } as const;
  const spread = spreadOf([seconds]);
  return { ...base, backend: 'wasm', seconds: spread, bandwidth: 1e9, ...rest } as Timing;
}

const timings: Timing[] = [
  timing({}, 0.04),
  timing({ mode: 'end to end' }, 0.05),
  timing({ backend: 'webgpu', emulated: true }, 1),
  { ...timing({ what: 'smea:f=6' }, 1), seconds: undefined, problem: 'too many' } as never,
  timing({ question: 'threads', threads: 1 }, 0.08),
  timing({ question: 'threads', threads: 2 }, 0.05),
  ...[1e4, 1e6].flatMap((d) => [
    timing({ question: 'crossover', mode: 'end to end', d }, d / 1e9),
    timing({ question: 'crossover', mode: 'end to end', d, backend: 'webgpu' }, 1e-4 + d / 1e10),
  ]),
];
const ratios: Ratio[] = LINES.slice(0, 3).map((line, i) => ({
  ...line,
  backend: 'wasm',
  count: 1,
  ...judged(line, { ours: spreadOf([0.01]), their: spreadOf([0.05 * (i + 1)]) }),
}));

/** Whether tags close in the order in which they open; attributes are quoted and bare of `<` and `&`. */
function isWellFormed(xml: string): boolean {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, closes, name, attributes, empty) => {
      if (/&(?!#\d+;)/.test(attributes)) return '<';
      if (closes) return open.pop() === name ? '' : '<';
      if (!empty) open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/[<>]|&(?!#\d+;)/.test(rest);
}

describe('charts', () => {
  const svg = chartsOf({ ...head, timings, ratios });

  test('are one well-formed SVG without a number that is none', () => {
    expect(isWellFormed(svg)).toBe(true);
    expect(isWellFormed('<svg><g></svg></g>')).toBe(false);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('are taken by an XML parser, where there is one', ({ skip }) => {
    const parse =
      'import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read())';
    const { status, error } = spawnSync('python3', ['-c', parse], { input: svg });
    if (error) skip('no python3 on the path');
    expect(status).toBe(0);
  });

  test('say where, what is required and what is emulated', () => {
    expect(svg).toContain('a &#60;CPU&#62; &#38; more');
    expect(svg).toContain('5.00× of 9.00×');
    expect(svg).toContain('webgpu (emulated)');
    expect(svg).toContain('speed of the GPU over the CPU');
  });

  test('of nothing are an empty page, not an error', () => {
    expect(isWellFormed(chartsOf({ ...head, timings: [] }))).toBe(true);
  });
});

describe('tables', () => {
  test('show times, rates, shares and problems', () => {
    const table = timingTable({ asks: 'Well?' }, timings.slice(0, 4), head.bandwidth).split('\n');
    expect(table[0]).toBe('Well?');
    expect(table[2]).toMatch(/^median +32 × 1,000,000 +wasm +resident +40\.0 ms .* 1\.00 +5 %/);
    expect(table[5]).toMatch(/^smea:f=6 .* too many$/);
  });

  test('mark what holds, what does not, and who disagrees', () => {
    const [first, second] = ratios;
    const table = ratioTable([
      { ...first!, difference: 0, agrees: true },
      { ...second!, difference: 0.5, agrees: false },
      { ...second!, problem: 'ended', ours: undefined, their: undefined } as never,
    ]);
    expect(table).toMatch(/numpy median .* 5\.00× +9\.00× +NO +agrees$/m);
    expect(table).toMatch(/numpy sort .* 10\.0× +2\.00× +yes +DISAGREES: differs by 5e-1$/m);
    expect(table).toMatch(/ended$/m);
  });

  test('tell a wrong result from a missing one', () => {
    expect(isWrong({ timings, ratios })).toBe(false);
    expect(isWrong({ timings, ratios: [{ ...ratios[0]!, agrees: false }] })).toBe(true);
    expect(isWrong({ timings: [timing({ problem: 'other bits' }, 1)] })).toBe(true);
  });

  test('write times in the unit that suits', () => {
    expect([2, 0.0345, 12e-6].map(duration)).toEqual(['2.00 s', '34.5 ms', '12.0 µs']);
    expect([0.45, 12.34, 123.4].map(factor)).toEqual(['0.45×', '12.3×', '123×']);
  });

  test('let the last cell of a row be as long as it is', () => {
    expect(
      aligned([
        ['a', 'b'],
        ['c', 'd'],
        ['one', 'x'],
      ]),
    ).toEqual(['a    b', 'c    d', 'one  x']);
    expect(
      aligned([
        ['a', 'b', 'c'],
        ['d', 'a long story'],
      ]),
    ).toEqual(['a  b  c', 'd  a long story']);
  });
});
