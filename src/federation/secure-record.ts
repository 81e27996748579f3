/**
 * What is kept of a round under masks once it is over: the sums, and what shows whose they are. It holds
 * nothing that takes masks off: no boxes, no shares, no single input.
 *
 * @module
 */

import { canonicalJson } from '../core/canonical-json.ts';
import type { Codec } from '../secagg/codec.ts';
import { encodeConfig, type RoundConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { meansBy } from '../secagg/means.ts';
import { encodeEntry } from '../secagg/roster.ts';
import type { Outcome, ServerState } from '../secagg/server/state.ts';
import { hex } from '../secagg/suite.ts';
import { viewOf } from '../secagg/view.ts';
import { compareClients, type OpenedSum } from './events.ts';
import { type OpenModel, rowOf, writeAggregate } from './model-file.ts';
import type { Store } from './store/store.ts';

/** A sum, and who agreed to what is in it. Indices are places in the roster. */
export interface SumRecord {
  /** Number of the group; 0 where there are none. */
  readonly cohort: number;
  /** Who shared secrets, and whose inputs are in the sum: bitmaps, in hexadecimal digits. */
  readonly sharers: string;
  readonly survivors: string;
  /** Signatures of the view, by index, in hexadecimal digits. */
  readonly consents: Readonly<Record<string, string>>;
  /** Blobs: 4-byte words, slots first, and the mean that they stand for. */
  readonly words: string;
  readonly mean: string;
}

/** A round under masks, for whoever verifies it. Bytes are in hexadecimal digits. */
export interface SecureRecordOfRound {
  readonly version: 1;
  readonly run: string;
  readonly round: number;
  readonly config: string;
  /** Public key of the server, and its signature of the root of the roster. */
  readonly server: string;
  readonly rootSignature: string;
  /** Advertisements, in the order of the roster. */
  readonly roster: readonly string[];
  readonly sums: readonly SumRecord[];
  /** Groups that gave no sum, and why. */
  readonly lost: readonly { readonly cohort: number; readonly reason: string }[];
  /** Clients that certainly broke the protocol, and how. */
  readonly blamed: readonly { readonly client: string; readonly fault: string }[];
}

/** A round that gave sums. */
export interface SecureResult {
  readonly round: number;
  readonly config: RoundConfig;
  readonly outcome: Outcome;
  readonly state: ServerState;
}

/** What records are made with. */
export interface RecordOptions {
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly codec: Codec;
  /** Public key of the server. */
  readonly server: Uint8Array;
  readonly model: OpenModel;
  /** The client whose identity that is. */
  readonly clientOf: (identity: string) => string;
}

/** Stores what a round came to: its sums for the rule, and the record of the round. */
export async function recordSums(
  result: SecureResult,
  options: RecordOptions,
): Promise<{ readonly sums: readonly OpenedSum[]; readonly transcript: string }> {
  const { store, clientOf } = options;
  const { outcome, config } = result;
  const means = await meansBy(outcome, { ...options, config });
  const sums: OpenedSum[] = [];
  for (const [i, { words, inputs }] of outcome.sums.entries()) {
    const { row, weight } = means[i]!;
    const kept = await store.blobs.putBytes(wordBytes(words));
    const mean = await store.blobs.put((append) =>
      writeAggregate(append, rowOf(row), options.model),
    );
    sums.push({
      clients: inputs.map(clientOf).sort(compareClients),
      blob: mean.name,
      words: kept.name,
      samples: samplesOf(config, weight),
    });
  }
  const record = recordOf(result, { sums, options });
  const { name } = await store.blobs.putBytes(new TextEncoder().encode(canonicalJson(record)));
  return { sums, transcript: name };
}

/** Examples that a sum of weights stands for, each weight of 1 being as many as count at most. */
export function samplesOf({ maxSamples }: RoundConfig, weight: number): number {
  return Math.max(1, Math.round(weight * Math.max(1, maxSamples)));
}

/** Words as they are kept: four bytes each, little-endian. */
export function wordBytes(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (let j = 0; j < words.length; j++) view.setUint32(4 * j, words[j]!, true);
  return bytes;
}

/** Words that were kept. */
export function wordsIn(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >> 2 }, (_, j) => view.getUint32(4 * j, true));
}

function recordOf(
  { round, config, outcome, state }: SecureResult,
  { sums, options }: { readonly sums: readonly OpenedSum[]; readonly options: RecordOptions },
) {
  const { store, server, clientOf } = options;
  const { roster, cohorts, sharers, survivors, consents } = state;
  return {
    version: 1,
    run: store.run,
    round,
    config: hex(encodeConfig(config)),
    server: hex(server),
    rootSignature: hex(state.rootSignature),
    roster: roster.map((entry) => hex(encodeEntry(entry))),
    sums: outcome.sums.map(({ cohort }, i): { [K in keyof SumRecord]: SumRecord[K] } => {
      const { members } = cohorts[cohort]!;
      const among = (set: { has(index: number): boolean }): number[] =>
        members.filter((index) => set.has(index));
      const view = viewOf({ sharers: among(sharers), survivors: among(survivors) }, roster.length);
      const signed = among(consents).map((index) => [index, hex(consents.get(index)!)] as const);
      return {
        cohort,
        sharers: hex(view.sharers),
        survivors: hex(view.survivors),
        consents: Object.fromEntries(signed),
        words: sums[i]!.words!,
        mean: sums[i]!.blob,
      };
    }),
    lost: outcome.lost.map(({ cohort, refusal }) => ({ cohort, reason: refusal.reason })),
    blamed: outcome.blamed.map(({ client, fault }) => ({ client: clientOf(client), fault })),
  } satisfies SecureRecordOfRound;
}
