/**
 * Federations in one process, small: a model of a few entries, clients that pull it to where they want it.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Train } from '../../src/federation/client/train.ts';
import { parseConfig } from '../../src/federation/config.ts';
import type { RunConfig, RunConfigInput } from '../../src/federation/run-config.ts';
import { servedProblems } from '../../src/federation/served-config.ts';
import type { LoggedEvent } from '../../src/federation/store/chain.ts';
import { openStore } from '../../src/federation/store/store.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import {
  runTrial,
  type TrialClient,
  type TrialOptions,
  type TrialOutcome,
  trialNames,
} from '../../src/lab/federation-trial.ts';
import { streamOf } from '../../src/lab/sampling.ts';

/** Entries of the model. */
export const TRIAL_COLS = 48;

/** A model of zeros. */
export async function zeroModel(cols: number = TRIAL_COLS): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    async (bytes) => {
      parts.push(bytes.slice());
    },
    [{ name: 'w', dtype: 'F32', shape: [cols], data: [new Uint8Array(4 * cols)] }],
  );
  return new Uint8Array(Buffer.concat(parts));
}

/** A configuration as a coordinator serves it. */
export function trialConfig(changes: Partial<RunConfigInput> = {}): RunConfig {
  const input = {
    model: 'zeros',
    rule: 'mean',
    rounds: 4,
    enrolment: { kind: 'open' },
    selection: { scheme: 'everybody', seed: 1 },
    ...changes,
  } as const satisfies RunConfigInput;
  return parseConfig(input, servedProblems).config;
}

/** Sends the way to a goal that all share, and noise of its own. */
export function honest(name: string): Train {
  return ({ round }) => {
    const random = streamOf(round, `noise-${name}`);
    return sent(() => 1 + 0.6 * (random.uniform() - 0.5));
  };
}

/** Sends the way back. */
export function reversed(scale = 1): Train {
  return () => sent(() => -scale);
}

/** Honest in rounds in which `attacks` says nothing else. */
export function sometimes(name: string, attacks: (round: number) => boolean): Train {
  const [good, bad] = [honest(name), reversed()];
  return (task) => (attacks(task.round) ? bad(task) : good(task));
}

function sent(entry: () => number): ReturnType<Train> {
  const values = Float32Array.from({ length: TRIAL_COLS }, entry);
  return { difference: new Map([['w', values]]), samples: 10 };
}

/** So many clients, the first ones as given, all others honest. */
export function crowd(count: number, first: readonly Train[] = []): Map<string, TrialClient> {
  return new Map(
    trialNames(count).map((name, i) => [name, { train: first[i] ?? honest(name) }] as const),
  );
}

/** What a trial came to, and its log. */
export interface RecordedTrial extends TrialOutcome {
  readonly events: readonly LoggedEvent[];
  /** A report or memory of the run, as text. */
  readonly blob: (name: string) => Promise<string>;
}

/** Runs a trial in a folder that is gone when the test is. */
export async function trial(
  options: Pick<TrialOptions, 'config' | 'clients'> & Partial<TrialOptions>,
  look: (run: RecordedTrial) => void | Promise<void>,
): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'aggregis-trial-'));
  const backend = await createBackend('reference');
  try {
    const folder = join(parent, 'run');
    const model = options.model ?? (await zeroModel());
    const outcome = await runTrial({ folder, backend, ...options, model });
    await using store = await openStore(folder, { mode: 'resume' });
    const events: LoggedEvent[] = [];
    for await (const event of store.events()) events.push(event);
    const blob = async (name: string): Promise<string> => {
      await using source = await store.blobs.open(name);
      return new TextDecoder().decode(await source.read(0, source.size));
    };
    await look({ ...outcome, events, blob });
  } finally {
    await backend.close();
    await rm(parent, { recursive: true, force: true });
  }
}

/** Bodies of the events of a type. */
export function bodiesOf<T = Record<string, unknown>>(
  events: readonly LoggedEvent[],
  type: string,
): T[] {
  return events.filter((event) => event.type === type).map(({ body }) => body as T);
}
