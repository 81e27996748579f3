/**
 * Rounds under masks, as a client takes part in them: training begins at once, while secrets are shared
 * with the others; what it gives is rounded, given its share of noise, masked and sent; and masks are
 * helped off the sum that the client's owner would have it be in.
 *
 * A separate piece, since it brings all of SAGG1 along: `FederationClient` is given it where it is wanted.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { FederationError } from '../../core/errors.ts';
import { bytesSource } from '../../formats/byte-source.ts';
import { type Layout, layoutOf } from '../../formats/layout.ts';
import { tensorRow } from '../../formats/rows.ts';
import { readSafetensorsHeader } from '../../formats/safetensors.ts';
import { type ClientOptions, type InputTerms, SecureClient } from '../../secagg/client.ts';
import { type Codec, hostCodec } from '../../secagg/codec.ts';
import { encodingOf, type RoundConfig } from '../../secagg/config.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { anybody, type Enrolment } from '../../secagg/enrolment.ts';
import { type Journal, memoryJournal } from '../../secagg/journal.ts';
import { type Masks, referenceMasks } from '../../secagg/masks.ts';
import {
  CONFIG_MESSAGE_BYTES,
  longestForClient,
  openMessage,
  parseConfigBody,
  signedPart,
} from '../../secagg/messages.ts';
import type { ClientPolicy, Patience } from '../../secagg/policy.ts';
import { describeRefusal } from '../../secagg/reasons.ts';
import { hex, KEY_BYTES } from '../../secagg/suite.ts';
import { encodePrivately, type NoiseBackend } from '../../secure-noise.ts';
import type { Identity } from '../identity.ts';
import { noiseOf, secureFederation } from '../secure-terms.ts';
import { updateLayout } from '../update-layout.ts';
import type { RoundTerms, RunInfo } from './answers.ts';
import type { Clock } from './clock.ts';
import { type Http, readBody } from './http.ts';
import type { Model } from './model.ts';
import type { Participation } from './participation.ts';
import type { Session } from './session.ts';
import { type LocalUpdate, updateFile } from './update.ts';
import type { Receipt } from './upload.ts';

/** What a client's owner insists on, and what the client works with. */
export interface SecureOptions
  extends Pick<ClientPolicy, 'minSum' | 'corrupt' | 'sigma' | 'beacons' | 'noise' | 'maxClients'> {
  /**
   * Whose keys count as clients. Default: anybody's, with a warning: a server that invents all others can
   * then read an update.
   */
  readonly enrolment?: Enrolment;
  /** Public key of the server. 32 bytes. Default: the one that it tells. */
  readonly serverKey?: Uint8Array;
  /** Value of a beacon, where rounds name one. */
  readonly beacon?: ClientOptions['beacon'];
  /** The journal of a federation, by its name in hexadecimal digits. Default: in memory. */
  readonly journal?: (federation: string) => Journal;
  /** Default: portable code. */
  readonly masks?: Masks;
  /** Default: portable code. */
  readonly codec?: Codec;
  /** Where shares of noise are drawn; without it, rounds that ask for noise are left out. */
  readonly noiseBackend?: () => Promise<NoiseBackend>;
  /** Told of what the owner should know. */
  readonly onWarning?: (message: string) => void;
}

/** A round to take part in, and the way to its server. */
export interface SecureTask {
  readonly terms: RoundTerms;
  readonly info: RunInfo;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly http: Http;
  readonly session: Session;
  readonly clock: Clock;
  readonly model: Model;
  /** Trains, once; ends with its signal. */
  readonly train: (signal: AbortSignal) => Promise<LocalUpdate | undefined>;
  /** Sends a masked input as an update. */
  readonly upload: (file: Uint8Array, signal: AbortSignal) => Promise<Receipt>;
  readonly tell: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Takes part in a round under masks. */
export type TakePart = (task: SecureTask) => Promise<Participation>;

/** How long a question is held open, in seconds. */
const WAIT_SECONDS = 20;
/** Refusals that say that nothing more comes of the round. */
const OVER = new Set(['round-closed', 'wrong-round', 'not-selected', 'no-such-path']);
/** A client waits longer than the server does, by this factor and time: what is late may still come. */
const PATIENCE = { factor: 2, moreMs: 30_000 } as const;

/** What lets a client take part in rounds under masks, for `FederationClientOptions.secure`. */
export function underMasks(options: SecureOptions = {}): TakePart {
  const warn = options.onWarning ?? (() => {});
  let enrolment = options.enrolment;
  const journals = new Map<string, Journal>();
  const journalOf = (federation: string): Journal => {
    const journal = journals.get(federation) ?? options.journal?.(federation) ?? memoryJournal();
    journals.set(federation, journal);
    return journal;
  };
  return async (task) => {
    enrolment ??= anybody(warn);
    return new SecurePart(task, { ...options, enrolment, journalOf }).play();
  };
}

type Insistence = SecureOptions & {
  readonly enrolment: Enrolment;
  readonly journalOf: (federation: string) => Journal;
};

/** A client's part in one round. */
class SecurePart {
  readonly #task: SecureTask;
  readonly #options: Insistence;
  /** Ends training when nothing can come of it. */
  readonly #end = new AbortController();
  #training: Promise<LocalUpdate | undefined> | undefined;
  /** What failed on this side. */
  #failure: unknown;
  #receipt: Receipt | undefined;

  constructor(task: SecureTask, options: Insistence) {
    this.#task = task;
    this.#options = options;
  }

  async play(): Promise<Participation> {
    const { terms, signal } = this.#task;
    const { round } = terms;
    try {
      return await this.#played();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = this.#failure;
      if (failure !== undefined && !isOurs(failure)) throw failure;
      if (!isOver(error)) throw error;
      // What is in a sum counts, though its sender was not needed to open it.
      if (this.#receipt) return { round, outcome: 'committed', receipt: this.#receipt };
      return { round, outcome: 'late', reason: (error as Error).message };
    } finally {
      this.#end.abort(new Error('the round is over'));
    }
  }

  async #played(): Promise<Participation> {
    const { round } = this.#task.terms;
    const invitation = await this.#next({ most: CONFIG_MESSAGE_BYTES });
    const config = invitation && this.#configIn(invitation);
    if (invitation === undefined || config === undefined) {
      return { round, outcome: 'late', reason: 'the round has begun without this client' };
    }
    if (config.noise.law !== 'none' && this.#options.noiseBackend === undefined) {
      return { round, outcome: 'declined', reason: 'this client has nothing to draw noise with' };
    }
    const client = await this.#client(config);
    this.#training = this.#trained();
    // Whoever asks for it hears of its failure.
    this.#training.catch(() => {});
    const most = longestForClient(config.maxClients);
    for (let message: Uint8Array | undefined = invitation; ; ) {
      const now = this.#task.clock.now();
      const said = message ? await client.handle(message, now) : await client.tick(now);
      if (said.declined !== undefined) return { round, outcome: 'declined', reason: said.declined };
      if (said.reply !== undefined) await this.#send(said.reply);
      if (client.phase === 'done' || client.phase === 'aborted') return this.#outcome(client);
      message = await this.#next({ most, after: message ?? this.#answered });
    }
  }

  /** The message that was looked at last. */
  #answered: Uint8Array | undefined;

  #configIn(message: Uint8Array): RoundConfig | undefined {
    const envelope = openMessage(message);
    const part = envelope && signedPart(envelope, this.#task.crypto);
    return envelope?.type === 'config' && part ? parseConfigBody(part.content) : undefined;
  }

  async #client(config: RoundConfig): Promise<SecureClient> {
    const { terms, info, identity, crypto, model } = this.#task;
    const { masks = referenceMasks(), codec = hostCodec(), journalOf, beacon } = this.#options;
    const federation = secureFederation(info.run, crypto);
    const serverKey = this.#options.serverKey ?? hexToBytes(info.secureKey ?? '');
    return new SecureClient({
      identity: identity.keyPair(),
      policy: {
        ...policyOf(this.#options),
        serverKey,
        federation,
        model: hexToBytes(terms.model),
        dimensions: (await layoutIn(model, terms)).cols,
        patience: patienceFor(config),
      },
      crypto,
      masks,
      codec,
      journal: journalOf(hex(federation)),
      input: (asked) => this.#input(asked),
      onFailure: (error) => {
        this.#failure ??= error;
      },
      ...(beacon && { beacon }),
    });
  }

  #trained(): Promise<LocalUpdate | undefined> {
    const { train, signal, terms, clock, http } = this.#task;
    const late = new TooLate(`round ${terms.round} is over`);
    const left = Math.max(0, terms.deadline - http.serverNow);
    clock.sleep(left, this.#end.signal).then(
      () => this.#end.abort(late),
      () => {},
    );
    return train(signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal);
  }

  /** The update in words of the grid, with its share of noise if there is one. */
  async #input({ config, canary: ctxConstants }: InputTerms): Promise<Uint32Array> {
    const { model, terms, crypto, tell } = this.#task;
    const { codec = hostCodec(), noiseBackend } = this.#options;
    const trained = await this.#training;
    if (trained === undefined) throw new NoUpdate();
    tell('masking the update');
    const update = await rowOf(trained, { model, terms });
    const key = crypto.randomBytes(KEY_BYTES);
    try {
      const noise = noiseOf(config);
      if (noise !== undefined) {
        const backend = await noiseBackend!();
        return (await encodePrivately(noise, { update, key, ctxConstants, backend })).words;
      }
      const { samples } = trained;
      const plan = encodingOf(config);
      return (await codec.encode(plan, { update, samples, key, ctxConstants })).words;
    } finally {
      key.fill(0);
      update.fill(0);
    }
  }

  /** The message that is to be answered, other than the last; `undefined` if none came for a while. */
  #next({
    most,
    after,
  }: {
    readonly most: number;
    readonly after?: Uint8Array | undefined;
  }): Promise<Uint8Array | undefined> {
    const { terms, http, session, crypto, signal } = this.#task;
    this.#answered = after;
    const last = after === undefined ? '' : `&after=${hex(crypto.sha256(after))}`;
    const path = `/v1/rounds/${terms.round}/secure?wait=${WAIT_SECONDS}${last}`;
    const timeoutMs = 30_000 + 1000 * WAIT_SECONDS;
    const call = { method: 'GET', path, signal, timeoutMs } as const;
    return http.persist(call, (inner) =>
      session.withToken(inner, async (headers) => {
        const accept = { accept: 'application/octet-stream' };
        const response = await http.open({ ...call, headers: { ...headers, ...accept } }, inner);
        if (response.status === 204) return undefined;
        return readBody(response, { most, signal: inner });
      }),
    );
  }

  async #send(reply: Uint8Array): Promise<void> {
    const { terms, session, upload, signal, tell } = this.#task;
    const type = openMessage(reply)?.type;
    if (type === 'masked') {
      this.#receipt = await upload(reply, signal ?? new AbortController().signal);
      return;
    }
    tell(`sending ${type}`);
    await session.send({
      method: 'POST',
      path: `/v1/rounds/${terms.round}/secure`,
      bytes: reply,
      headers: { 'content-type': 'application/octet-stream' },
      signal,
    });
  }

  #outcome({ refusal, phase }: SecureClient): Participation {
    const { round } = this.#task.terms;
    const receipt = this.#receipt && { receipt: this.#receipt };
    if (phase !== 'aborted') return { round, outcome: 'committed', ...receipt };
    if (this.#failure instanceof NoUpdate) {
      return { round, outcome: 'declined', reason: 'training gave no update' };
    }
    if (this.#failure instanceof TooLate) {
      return { round, outcome: 'late', reason: this.#failure.message };
    }
    if (this.#failure !== undefined) throw this.#failure;
    const reason = refusal === undefined ? 'the round was given up' : describeRefusal(refusal);
    return { round, outcome: 'refused', reason, ...(refusal && { refusal: refusal.reason }) };
  }
}

/** Training left the round out. */
class NoUpdate extends Error {
  override readonly name = 'NoUpdate';
}

/** Training was not done when the round closed. */
class TooLate extends Error {
  override readonly name = 'TooLate';
}

/** Whether it is no failure but a reason to leave a round out. */
function isOurs(failure: unknown): boolean {
  return failure instanceof NoUpdate || failure instanceof TooLate;
}

function isOver(error: unknown): boolean {
  return error instanceof FederationError && OVER.has(error.refusal ?? '');
}

function policyOf(
  options: Insistence,
): Omit<ClientPolicy, 'serverKey' | 'federation' | 'model' | 'dimensions'> {
  const { minSum, corrupt, sigma, beacons, noise, maxClients, enrolment } = options;
  return {
    enrolment,
    ...(minSum !== undefined && { minSum }),
    ...(corrupt !== undefined && { corrupt }),
    ...(sigma !== undefined && { sigma }),
    ...(beacons !== undefined && { beacons }),
    ...(noise !== undefined && { noise }),
    ...(maxClients !== undefined && { maxClients }),
  };
}

/** Waits of a client: for what follows a phase of the server's, its own and the next. */
function patienceFor({ deadlines }: RoundConfig): Patience {
  const { advertise, shares, masked, consent, unmask } = deadlines;
  const longer = (ms: number): number => PATIENCE.factor * ms + PATIENCE.moreMs;
  return {
    advertised: longer(advertise),
    shared: longer(shares),
    masked: longer(masked + consent),
    signed: longer(consent),
    revealed: longer(unmask),
  };
}

/** What an update of the round is, tensor by tensor. */
async function layoutIn({ file, sha256 }: Model, { control }: RoundTerms): Promise<Layout> {
  const base = await readSafetensorsHeader(bytesSource(`model ${sha256.slice(0, 12)}`, file));
  return updateLayout(layoutOf([], { base }), control === undefined ? 1 : 2);
}

/** An update as one row, in the order in which servers read files. */
async function rowOf(
  update: LocalUpdate,
  { model, terms }: Pick<SecureTask, 'model' | 'terms'>,
): Promise<Float32Array> {
  const controlScale = terms.control?.scale;
  const file = updateFile(model.tensors, update, { dtype: 'F32', controlScale });
  const source = bytesSource('update', file);
  const layout = await layoutIn(model, terms);
  const row = new Float32Array(layout.cols);
  await tensorRow(source, await readSafetensorsHeader(source), layout).read(0, layout.cols, row);
  file.fill(0);
  return row;
}
