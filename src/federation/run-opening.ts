/**
 * What a run needs before its coordinator can work: its state, folded from the log; a model that updates
 * can be sent for; a worker with the budgets that its noise is charged to; and masks, where there are some.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import { wireLength } from '../formats/wire.ts';
import type { LedgerStorage } from '../privacy/ledger/storage.ts';
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

const NO_MODEL = 'the run was never opened and needs a model: begin it again, as a new run';

/** A ledger that nobody keeps. */
const BLANK: LedgerStorage = { read: async () => '', append: async () => {} };

/**
 * The state of a run. One of which nothing has happened begins with `model`, once it is certain that its
 * rounds can be worked: until then nothing is logged, and the folder can be begun in again.
 *
 * @throws {FormatError} if the log cannot be folded, or a new run has no model, or one that is none.
 * @throws {PrivacyError} if the budget of a new run does not admit its rounds.
 * @throws {StoreError} if the store cannot be used.
 */
export async function beginRun(
  options: OpeningOptions & { readonly backend: Backend },
  model: Uint8Array | undefined,
): Promise<{ readonly state: RunState; readonly isNew: boolean }> {
  const { store, config, now = Date.now } = options;
  const state = await foldedState(store, config);
  if (state.model !== undefined) return { state, isNew: false };
  if (model === undefined) throw new FormatError('malformed', `${store.folder}: ${NO_MODEL}`);
  const { name } = await store.blobs.putBytes(model);
  await openBudgets({ ...options, storage: BLANK }, await updateEntries(name, options));
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
  const { store, config, backend, unmask, now = Date.now } = options;
  return new RoundWorker({
    store,
    config,
    backend,
    ...(await openBudgets({ config, backend, storage: store.ledger(now) }, dimensions)),
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

/** What noise is charged to. */
interface BudgetOptions {
  readonly config: RunConfig;
  readonly backend: Backend;
  readonly storage: LedgerStorage;
}

async function openBudgets(
  options: BudgetOptions,
  dimensions: number,
): Promise<Pick<WorkerOptions, 'privateRounds' | 'shares'>> {
  return {
    ...(await privateRounds(options, dimensions)),
    ...(await shareBudget(options, dimensions)),
  };
}

/** The noise of the server and its budget, where it adds some. */
async function privateRounds(
  { config, backend, storage }: BudgetOptions,
  cols: number,
): Promise<Pick<WorkerOptions, 'privateRounds'>> {
  const { privacy } = config;
  if (privacy?.kind !== 'central' || privacy.noise !== 'server') return {};
  return { privateRounds: await PrivateRounds.open({ config, privacy, backend, storage, cols }) };
}

/** The budget of noise that clients add, where they do. */
async function shareBudget(
  { config, storage }: BudgetOptions,
  dimensions: number,
): Promise<Pick<WorkerOptions, 'shares'>> {
  const { secure, rounds } = config;
  const privacy = sharesOf(config);
  if (privacy === undefined || secure === undefined) return {};
  const clients = fixedMembers(config) ?? 0;
  const { noise } = planSecure({ ...config, secure }, { clients, dimensions });
  return { shares: await ShareBudget.open({ privacy, noise: noise!, rounds, storage }) };
}
