/**
 * What a run needs before its coordinator can work: its state, folded from the log; a model that updates
 * can be sent for; a worker with the budgets that its noise is charged to; and masks, where there are some.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import { wireLength } from '../formats/wire.ts';
import { hostCodec } from '../secagg/codec.ts';
import { type Masks, referenceMasks } from '../secagg/masks.ts';
import { parseEvent } from './events.ts';
import { openIdentity } from './identity-file.ts';
import { openModel } from './model-file.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { fixedMembers, PrivateRounds } from './private-rounds.ts';
import { reputationOptions } from './reputation.ts';
import { RoundWorker, type WorkerOptions } from './round-work.ts';
import type { RunConfig } from './run-config.ts';
import { emptyRun, fold, type RunState } from './run-state.ts';
import type { SecureHost } from './secure-host.ts';
import { planSecure, sharesOf } from './secure-plan.ts';
import { SecureRounds } from './secure-rounds.ts';
import { ShareBudget } from './share-budget.ts';
import type { Store } from './store/store.ts';

/** A run, and what its rounds are worked with. */
export interface OpeningOptions {
  /** Stays open. */
  readonly store: Store;
  readonly config: RunConfig;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
}

/**
 * The state of a run. One of which nothing has happened begins with `model`.
 *
 * @throws {FormatError} if the log cannot be folded, or a new run has no model.
 * @throws {StoreError} if the store cannot be used.
 */
export async function beginRun(
  { store, config, now = Date.now }: OpeningOptions,
  model: Uint8Array | undefined,
): Promise<{ readonly state: RunState; readonly isNew: boolean }> {
  const state = await foldedState(store, config);
  if (state.model !== undefined) return { state, isNew: false };
  if (model === undefined) throw new FormatError('malformed', 'a new run needs a model');
  const { name } = await store.blobs.putBytes(model);
  await store.append([{ type: 'run.opened', body: { model: name } }], now());
  return { state: await foldedState(store, config), isNew: true };
}

/** The state that a log tells. @throws {FormatError} if it cannot be folded. */
export async function foldedState(store: Store, { reputation }: RunConfig): Promise<RunState> {
  const { evidence: _, ...options } = reputation ?? {};
  const state = emptyRun(reputation === undefined ? {} : reputationOptions(options));
  for await (const { time, type, body } of store.events()) {
    fold(state, { time, event: parseEvent(type, body) });
  }
  return state;
}

/**
 * Entries of an update for a model.
 *
 * @throws {FormatError} if it is no model, or no update for it could be sent.
 */
export async function updateEntries(
  model: string,
  { store, config }: OpeningOptions,
): Promise<number> {
  await using source = await store.blobs.open(model);
  const { parts } = parseOptimizer(config.optimizer).optimizer;
  const { update } = await openModel(source, parts);
  // No update could be sent if scales had the name of a tensor.
  for (const dtype of config.wire.dtypes) wireLength({ layout: update, dtype });
  return update.cols;
}

/**
 * The worker of a run whose updates have so many entries.
 *
 * @throws {PrivacyError} if the ledger cannot be used.
 */
export async function openWorker(
  options: OpeningOptions & {
    readonly backend: Backend;
    readonly unmask: NonNullable<WorkerOptions['unmask']>;
  },
  dimensions: number,
): Promise<RoundWorker> {
  const { store, config, backend, unmask } = options;
  return new RoundWorker({
    store,
    config,
    backend,
    ...(await privateRounds(options, dimensions)),
    ...(await shareBudget(options, dimensions)),
    unmask,
  });
}

/** Rounds under masks, by the key in the run's folder. */
export async function openSecure({
  masks = referenceMasks(),
  ...host
}: Omit<SecureHost, 'identity' | 'masks' | 'codec'> & {
  readonly masks?: Masks;
}): Promise<SecureRounds> {
  const { store, crypto } = host;
  const identity = (await openIdentity(`${store.folder}/secure-key`, crypto)).keyPair();
  return new SecureRounds({ ...host, identity, masks, codec: hostCodec() });
}

/** The noise of the server and its budget, where it adds some. */
async function privateRounds(
  { store, config, backend, now = Date.now }: OpeningOptions & { readonly backend: Backend },
  cols: number,
): Promise<Pick<WorkerOptions, 'privateRounds'>> {
  const { privacy } = config;
  if (privacy?.kind !== 'central' || privacy.noise !== 'server') return {};
  const storage = store.ledger(now);
  return { privateRounds: await PrivateRounds.open({ config, privacy, backend, storage, cols }) };
}

/** The budget of noise that clients add, where they do. */
async function shareBudget(
  { store, config, now = Date.now }: OpeningOptions,
  dimensions: number,
): Promise<Pick<WorkerOptions, 'shares'>> {
  const { secure, rounds } = config;
  const privacy = sharesOf(config);
  if (privacy === undefined || secure === undefined) return {};
  const clients = fixedMembers(config) ?? 0;
  const { noise } = planSecure({ ...config, secure }, { clients, dimensions });
  const storage = store.ledger(now);
  return { shares: await ShareBudget.open({ privacy, noise: noise!, rounds, storage }) };
}
