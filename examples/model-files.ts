/**
 * Model files: clients fine-tune a base, the server aggregates their differences to it.
 *
 *     npx tsx examples/model-files.ts
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as aggregis from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'aggregis-example-'));
const at = (name: string): string => join(folder, `${name}.safetensors`);

async function save(name: string, weights: Float32Array): Promise<string> {
  const bytes = new Uint8Array(weights.buffer);
  const tensor = { name: 'layer.weight', dtype: 'F32', shape: [2, 2], data: [bytes] } as const;
  await aggregis.writeFileAtomic(at(name), (append) => aggregis.writeSafetensors(append, [tensor]));
  return at(name);
}

const base = await save('base', Float32Array.of(1, 2, 3, 4));
const shifts = [0.1, 0.2, 0.3, 1000];
const paths = await Promise.all(
  shifts.map((by, i) => save(`client-${i}`, Float32Array.of(1 + by, 2 + by, 3 + by, 4 + by))),
);

const output = at('global');
await aggregis.aggregateFiles(paths, aggregis.median(), { base, output });

await using file = await aggregis.fileSource(output);
const header = await aggregis.readSafetensorsHeader(file);
const row = aggregis.tensorRow(file, header, aggregis.layoutOf([header]));
const weights = new Float32Array(row.cols);
await row.read(0, row.cols, weights);
console.log('global layer.weight', [...weights]);
await rm(folder, { recursive: true });
