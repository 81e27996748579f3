/** The golden vectors against this version: every case of every rule that we have. */

import { readFile } from 'node:fs/promises';
import { describe, expect, vi } from 'vitest';
import { createBackend } from '../src/backend/create-node.ts';
import type { BackendName } from '../src/backend/kernels.ts';
import { findNodeGpu } from '../src/backend/webgpu/adapter-node.ts';
import { runConformance } from '../src/lab/conformance/conformance.ts';
import { openGoldenFile } from '../src/lab/conformance/golden-files.ts';
import { itShared } from './support/shared.ts';

/** Golden rules that are not robust aggregation: secure aggregation. */
const ELSEWHERE = /^secagg_/;

// An emulated GPU compiles a network of its own for each number of clients.
vi.setConfig({ testTimeout: 240_000 });

const INDEX = 'golden/robust/open/index.json';

/** The rules of an index that are ours to pass, one for each case. */
async function ourRules(index: string): Promise<string[]> {
  const { cases } = JSON.parse(await readFile(index, 'utf8')) as { cases: { rule: string }[] };
  return cases.map(({ rule }) => rule).filter((rule) => !ELSEWHERE.test(rule));
}

async function everyCasePasses(index: string, name: BackendName): Promise<void> {
  await using backend = await createBackend(name);
  const report = await runConformance([await openGoldenFile(index)], backend);
  expect(report.cases.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.passed).toBe((await ourRules(index)).length);
  expect([...report.unknown.keys()].filter((rule) => !ELSEWHERE.test(rule))).toEqual([]);
}

itShared('every open golden case passes on the reference', [INDEX], async ([index]) => {
  await everyCasePasses(index, 'reference');
});

itShared('every open golden case passes on wasm', [INDEX], async ([index]) => {
  await everyCasePasses(index, 'wasm');
});

/** The emulated GPU is for Linux x64; elsewhere the machine must have one of its own. */
const emulable = process.platform === 'linux' && process.arch === 'x64';
const hasGpu = emulable || (await findNodeGpu()) !== undefined;

describe.skipIf(!hasGpu)('on WebGPU (skipped where there is no GPU to find or to emulate)', () => {
  itShared('every open golden case passes on webgpu', [INDEX], async ([index]) => {
    await everyCasePasses(index, 'webgpu');
  });
});
