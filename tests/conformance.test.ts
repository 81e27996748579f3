/** The golden vectors against this version: every case of every rule that we have. */

import { readFile } from 'node:fs/promises';
import { describe, expect, vi } from 'vitest';
import { createBackend } from '../src/backend/create-node.ts';
import { findNodeGpu } from '../src/backend/webgpu/adapter-node.ts';
import { runConformance } from '../src/lab/conformance/conformance.ts';
import { openGoldenFile } from '../src/lab/conformance/golden-files.ts';
import { itShared } from './support/shared.ts';

/** Golden rules that are not robust aggregation: server optimisers, scores, secure aggregation. */
const ELSEWHERE = /^(server_|poison_|secagg_|chacha20_)/;
/** Two dozen vectors of 20 runs of a defence each: too slow for every test run on an emulated GPU. */
const SEARCHES = /^attack_opt_/;

// An emulated GPU compiles a network of its own for each number of clients.
vi.setConfig({ testTimeout: 240_000 });

const INDEX = 'golden/robust/open/index.json';

/** The rules of an index that are ours to pass, one for each case. */
async function ourRules(index: string): Promise<string[]> {
  const { cases } = JSON.parse(await readFile(index, 'utf8')) as { cases: { rule: string }[] };
  return cases.map(({ rule }) => rule).filter((rule) => !ELSEWHERE.test(rule));
}

itShared('every open golden case passes on the reference', [INDEX], async ([index]) => {
  await using backend = await createBackend('reference');
  const report = await runConformance([await openGoldenFile(index)], backend);
  expect(report.cases.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.passed).toBe((await ourRules(index)).length);
  expect([...report.unknown.keys()].filter((rule) => !ELSEWHERE.test(rule))).toEqual([]);
});

/** The emulated GPU is for Linux x64; elsewhere the machine must have one of its own. */
const emulable = process.platform === 'linux' && process.arch === 'x64';
const hasGpu = emulable || (await findNodeGpu()) !== undefined;

describe.skipIf(!hasGpu)('on WebGPU (skipped where there is no GPU to find or to emulate)', () => {
  itShared('every open golden case passes but the searches', [INDEX], async ([index]) => {
    const rules = (await ourRules(index)).filter((rule) => !SEARCHES.test(rule));
    await using backend = await createBackend('webgpu');
    const golden = await openGoldenFile(index);
    const report = await runConformance([golden], backend, { only: [...new Set(rules)] });
    expect(report.cases.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.passed).toBe(rules.length);
  });
});
