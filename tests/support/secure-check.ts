/** A round under masks held against the plain computation on what clients put in. */

import { createBackend } from '../../src/backend/create-node.ts';
import { readModel } from '../../src/federation/client/model.ts';
import type { OpenedSum } from '../../src/federation/events.ts';
import { wordsIn } from '../../src/federation/secure-record.ts';
import { verifySecureRound } from '../../src/federation/verify-secure.ts';
import { encodingOf, parseConfig, type RoundConfig } from '../../src/secagg/config.ts';
import { SLOTS } from '../../src/secagg/suite.ts';
import { nodeCrypto, type ServedRun } from './federation-server.ts';
import { type Player, sumOf } from './secure-clients.ts';

/** The bytes of a blob. */
export async function bytesOf(run: ServedRun, blob: string): Promise<Uint8Array> {
  await using source = await run.store.blobs.open(blob);
  return source.read(0, source.size);
}

/** Sums of the first round. */
export function sumsIn(run: ServedRun): readonly OpenedSum[] {
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  return body.sums as unknown as OpenedSum[];
}

/** What a verifier finds wrong with a round. */
export async function problemsOf(run: ServedRun, round = 1): Promise<readonly string[]> {
  const backend = await createBackend('reference');
  const crypto = await nodeCrypto();
  const { problems } = await verifySecureRound(run.store, round, { backend, crypto });
  await backend.close();
  return problems;
}

/** A round that was checked. */
export interface CheckedRound {
  readonly config: RoundConfig;
  readonly groups: readonly (readonly string[])[];
  /** Whether each sum has the words of the plain one. */
  readonly areExact: boolean;
  /** Whether the published model is the first plus the median of the plain means, bit for bit. */
  readonly isModelExact: boolean;
}

/** The first round of a run by the median, or of one sum, with `fed-avg`. */
export async function checkedRound(
  run: ServedRun,
  players: readonly Player[],
): Promise<CheckedRound> {
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  const record = JSON.parse(Buffer.from(await bytesOf(run, String(body.transcript))).toString());
  const config = parseConfig(Buffer.from(record.config, 'hex'))!;
  const { scale } = encodingOf(config);
  const means: Float32Array[] = [];
  let areExact = true;
  for (const { clients, words } of sumsIn(run)) {
    const within = players.filter(({ id }) => clients.includes(id));
    const plain = sumOf(within);
    const kept = wordsIn(await bytesOf(run, words!));
    areExact &&= within.length === clients.length && plain.every((word, j) => word === kept[j]);
    const step = 1 / scale / clients.length;
    means.push(Float32Array.from(plain.subarray(SLOTS), (word) => (word | 0) * step));
  }
  const first = await modelOf(run, 'run.opened');
  const last = await modelOf(run, 'round.published');
  const isModelExact = last.every((x, j) => {
    const column = means.map((mean) => mean[j]!).sort((a, b) => a - b);
    const [low, high] = [column[(column.length - 1) >> 1]!, column[column.length >> 1]!];
    const median = low === high ? low : Math.fround((low + high) / 2);
    return x === Math.fround(first[j]! + median);
  });
  return { config, groups: sumsIn(run).map(({ clients }) => clients), areExact, isModelExact };
}

async function modelOf(run: ServedRun, event: string): Promise<number[]> {
  for await (const { type, body } of run.store.events()) {
    if (type !== event) continue;
    const { tensors } = await readModel(await bytesOf(run, String(body.model)), 'model');
    return [...tensors]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, { values }]) => [...values]);
  }
  throw new Error(`the run has no ${event}`);
}
