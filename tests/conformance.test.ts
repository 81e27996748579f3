/** The golden vectors against this version: every case of every rule that we have. */

import { readFile } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { createBackend } from '../src/backend/create-node.ts';
import { runConformance } from '../src/lab/conformance/conformance.ts';
import { openGoldenFile } from '../src/lab/conformance/golden-files.ts';
import { itShared } from './support/shared.ts';

/** Golden rules that are not robust aggregation: server optimisers, scores, secure aggregation. */
const ELSEWHERE = /^(server_|poison_|secagg_|chacha20_)/;

describe.each(['reference'] as const)('on the %s backend', (name) => {
  itShared('every open golden case passes', ['golden/robust/open/index.json'], async ([index]) => {
    await using backend = await createBackend(name);
    const { cases, passed, unknown } = await runConformance([await openGoldenFile(index)], backend);
    const failures = cases.filter(({ ok }) => !ok);
    expect(failures).toEqual([]);
    const held: { rule: string }[] = JSON.parse(await readFile(index, 'utf8')).cases;
    const ours = held.filter(({ rule }) => !ELSEWHERE.test(rule));
    expect(passed).toBe(ours.length);
    expect([...unknown.keys()].filter((rule) => !ELSEWHERE.test(rule))).toEqual([]);
  });
});
