/**
 * A program that aggregates on two threads, never closes its backend, and must end by itself.
 * Prints where it aggregated, and one entry of the result.
 *
 * @module
 */

import { createBackend } from '../../src/backend/create-node.ts';

const backend = await createBackend('wasm', { threads: 2 });
const rows = [1, 2, 9].map((value) => new Float32Array(300_000).fill(value));
const median = await backend.read(backend.rankMean(backend.matrix(rows), 1, 2));
console.log(`${backend.info.adapter}: ${median.at(-1)}`);
