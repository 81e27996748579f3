/**
 * Updates on their way in: a signed statement is declared, chunks are uploaded, and what is all there and
 * fits the model is committed. Whatever does not hold is refused, in words, and forgotten.
 *
 * Chunks themselves go past this file to the store's uploads.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { FormatError } from '../core/errors.ts';
import type { ByteSource } from '../formats/byte-source.ts';
import { readSafetensorsHeader } from '../formats/safetensors.ts';
import { hex } from '../secagg/suite.ts';
import { chunkCount } from './merkle.ts';
import { type OpenModel, openModel, updateFaults, updateLengths } from './model-file.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import {
  type CommittedUpdate,
  type DeclaredUpdate,
  type Outcome,
  type Refused,
  refusedBy,
} from './outcomes.ts';
import { type Refusal, refused } from './refusals.ts';
import type { Registry } from './registry.ts';
import type { Input, Answer as RoundAnswer, RoundInput } from './round-io.ts';
import type { RunHost } from './run-host.ts';
import type { Member } from './run-state.ts';
import type { SecureRounds } from './secure-rounds.ts';
import {
  type AcceptedStatement,
  checkStatement,
  MASKED,
  type OpenRound,
  type SignedStatement,
  STATEMENT_LIMITS,
  type Statement,
} from './statement.ts';
import type { LoggedEvent } from './store/chain.ts';
import type { Check } from './store/upload.ts';

/** The run that updates are for. */
export interface IntakeHost extends RunHost {
  /** The server's. */
  readonly optimizer: Optimizer;
  readonly registry: () => Registry;
  /** Rounds under masks; `undefined` where updates come in the clear. */
  readonly secure: () => SecureRounds | undefined;
  /** What an input does, answered once it is on disk. */
  readonly handle: (input: RoundInput) => Promise<RoundAnswer>;
}

/** Takes updates in. */
export class Intake {
  readonly #host: IntakeHost;
  /** Places in the log of the commitments of this round, by client. */
  readonly #commitments = new Map<string, number>();
  /** Of the model that was asked for last. */
  #header: { readonly name: string; readonly model: Promise<OpenModel> } | undefined;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /** Follows the log. */
  happened({ seq, type, body }: LoggedEvent): void {
    if (type === 'round.opened') this.#commitments.clear();
    if (type === 'update.committed') this.#commitments.set(String(body.client), seq);
    if (type === 'round.closed' || type === 'round.failed') void this.tidy();
  }

  /** Takes a signed statement, and makes room for the update. */
  async declare(sender: string, signed: SignedStatement): Promise<Outcome<DeclaredUpdate>> {
    const { statement } = signed;
    const record = this.#host.registry().get(sender);
    const accepted = await checkStatement(signed, {
      run: this.#host.store.run,
      open: await this.#openRound(statement),
      sender,
      record,
      limits: {
        ...STATEMENT_LIMITS,
        maxLength: this.#host.config.limits.updateBytes,
        samplesCap: this.#host.config.limits.samplesCap,
        // What a masked update weighs is under its mask.
        ...(this.#host.secure() && { samplesLimit: 1 }),
      },
      scalars: this.#host.optimizer.clientScalars,
      now: this.#host.now(),
      crypto: this.#host.crypto,
    });
    if (!accepted.ok) return { ok: false, ...accepted.refusal };
    const { round: open } = this.#host.state();
    if (open?.policy.lateJoin === true && !open.members.has(sender)) {
      const joined = await this.#host.handle({ kind: 'join', client: sender });
      if (!joined.ok) return refusedBy(joined);
    }
    if (this.#host.state().clients.get(sender)?.key !== record?.key) {
      const message = 'the key was changed while this came: sign with the new one';
      return { ok: false, code: 'bad-signature', status: 403, message };
    }
    const before = this.#declared(sender);
    const answer = await this.#host.handle(declarationOf(sender, signed, accepted.value));
    if (!answer.ok) return refusedBy(answer);
    const member = this.#member(sender);
    // The one that was declared first, if only the claim or its time differ.
    const update = member?.declaration?.signed?.update ?? accepted.value.id;
    if (before !== undefined && before !== update) await this.#host.store.uploads.forget(before);
    if (member?.status === 'committed') return inAlready(update, statement);
    return this.#begun(update, { ...statement, repeated: answer.repeated });
  }

  /** An update of a client, on its way or in. */
  async uploadOf(client: string, update: string): Promise<Outcome<DeclaredUpdate>> {
    const member = this.#member(client);
    const declaration = member?.declaration;
    if (member === undefined || declaration?.signed?.update !== update) {
      const message = `${client} has declared no update ${update} in this round`;
      return { ok: false, code: 'no-such-update', status: 404, message };
    }
    const { bytes: length, chunkBytes: chunkSize, root } = declaration;
    if (member.status === 'committed') {
      await this.#host.synced();
      return inAlready(update, { length, chunkSize });
    }
    const { round } = this.#host.state();
    if (round?.phase !== 'collect') {
      const message = `round ${round?.round} takes no more updates`;
      return { ok: false, code: 'round-over', status: 409, message };
    }
    // A crash may have come between the event and its file.
    return this.#begun(update, { length, chunkSize, root, repeated: true });
  }

  /** Takes an update in, once all of it is there. */
  async commit(client: string, update: string): Promise<Outcome<CommittedUpdate>> {
    const found = await this.uploadOf(client, update);
    if (!found.ok) return found;
    const { round } = this.#host.state();
    const number = round!.round;
    if (found.value.committed) return this.#committed(client, update);
    const { upload } = found.value;
    const { dtype = '', root = '' } = round!.members.get(client)?.declaration ?? {};
    const secure = this.#host.secure();
    // Under a mask there are no tensors to see.
    const check: Check | undefined =
      secure === undefined
        ? (source) => this.#misfit(source, { dtype, model: round!.model })
        : undefined;
    const sealed = await upload!.seal(check);
    if (!sealed.ok) {
      const { code, status, message } = sealed.refusal;
      if (code === 'incomplete') {
        return { ok: false, code, status, message, missing: upload!.missing };
      }
      return this.#refuse({ round: number, client, update }, { code, status, message });
    }
    const { name } = sealed.value;
    if (secure !== undefined) {
      const speaker = { client, identity: this.#host.registry().get(client)?.key ?? '' };
      const refusal = await secure.commit(speaker, { round: number, root, blob: name });
      if (refusal !== undefined) return this.#refuse({ round: number, client, update }, refusal);
      await this.#host.store.uploads.forget(update);
      return this.#committed(client, update);
    }
    const input = { kind: 'commit', round: number, client, root, blob: name } as const;
    const answer = await this.#host.handle(input);
    if (!answer.ok) return refusedBy(answer);
    await this.#host.store.uploads.forget(update);
    return this.#committed(client, update);
  }

  /** Forgets uploads that are of no round that collects. */
  async tidy(): Promise<void> {
    const { store, state, quietly } = this.#host;
    const { round } = state();
    const members = round?.phase === 'collect' ? [...round.members.values()] : [];
    const needed = new Set(
      members.flatMap(({ status, declaration }) =>
        status === 'declared' && declaration?.signed ? [declaration.signed.update] : [],
      ),
    );
    const stale = store.uploads.all.filter(({ id }) => !needed.has(id));
    await quietly(() => Promise.all(stale.map(({ id }) => store.uploads.forget(id))));
  }

  // What is in, and what is on its way

  #member(client: string): Member | undefined {
    return this.#host.state().round?.members.get(client);
  }

  /** The update that a client has declared and not committed in the round that is open. */
  #declared(client: string): string | undefined {
    const member = this.#member(client);
    return member?.status === 'declared' ? member.declaration?.signed?.update : undefined;
  }

  /** Room for an update, made now or before. */
  async #begun(
    update: string,
    {
      length,
      chunkSize,
      root,
      repeated,
    }: Pick<Statement, 'length' | 'chunkSize' | 'root'> & { readonly repeated: boolean },
  ): Promise<Outcome<DeclaredUpdate>> {
    const { uploads } = this.#host.store;
    const begun = await uploads.begin(update, { length, chunkSize, root: hexToBytes(root) });
    if (!begun.ok) return { ok: false, ...begun.refusal };
    const upload = begun.value;
    const { chunks } = upload;
    return { ok: true, value: { update, upload, chunks, repeated, committed: false } };
  }

  #committed(client: string, update: string): Outcome<CommittedUpdate> {
    const blob = this.#member(client)?.update?.blob ?? '';
    const event = this.#commitments.get(client) ?? 0;
    return { ok: true, value: { update, root: blob, event } };
  }

  /** Logs that an update was refused, and forgets it. */
  async #refuse(
    { round, client, update }: { round: number; client: string; update: string },
    { code, status, message }: { code: string; status: number; message: string },
  ): Promise<Refused> {
    await this.#host.handle({ kind: 'refuse', round, client, code, status, reason: message });
    await this.#host.store.uploads.forget(update);
    return { ok: false, code, status, message };
  }

  // What the model asks of updates

  /** The round that a statement may be of; `undefined` where none collects. */
  async #openRound(statement: Statement): Promise<OpenRound | undefined> {
    const { config, state, secure } = this.#host;
    const { round } = state();
    if (round?.phase !== 'collect') return undefined;
    const masked = secure();
    if (masked !== undefined) {
      const bytes = await masked.inputBytes(round.round);
      return { round: round.round, model: round.model, lengths: { [MASKED]: bytes } };
    }
    const model = await this.#model(round.model);
    const lengths = config.wire.dtypes.flatMap((dtype) => {
      const range = updateLengths(model, dtype);
      if (range === undefined) return [];
      const { least, most } = range;
      // Headers differ between writers: any length that may be is the right one.
      const fits = statement.length > least && statement.length <= most;
      return [[dtype, fits ? statement.length : least] as const];
    });
    const { privacy } = config;
    return {
      round: round.round,
      model: round.model,
      lengths: Object.fromEntries(lengths),
      ...(privacy?.kind === 'local' && { clipNorm: privacy.clipNorm }),
    };
  }

  /** Why bytes are no update of a model. */
  async #misfit(
    source: ByteSource,
    { dtype, model: name }: { readonly dtype: string; readonly model: string },
  ): Promise<Refusal | undefined> {
    const faults = await faultsOf(source, await this.#model(name), dtype);
    if (faults.length === 0) return undefined;
    const message = `the update does not fit the model: ${faults.join('; ')}`;
    return refused('wrong-tensors', message).refusal;
  }

  /** The header of a model, read once for all who ask until another is asked for; its file is closed. */
  #model(name: string): Promise<OpenModel> {
    if (this.#header?.name === name) return this.#header.model;
    const model = this.#read(name);
    const header = { name, model };
    this.#header = header;
    // What failed is tried again.
    model.catch(() => {
      if (this.#header === header) this.#header = undefined;
    });
    return model;
  }

  async #read(model: string): Promise<OpenModel> {
    await using source = await this.#host.store.blobs.open(model);
    return await openModel(source, this.#host.optimizer.parts);
  }
}

/** What keeps bytes from being an update of a model: words, none if nothing does. */
async function faultsOf(source: ByteSource, model: OpenModel, dtype: string): Promise<string[]> {
  try {
    const header = await readSafetensorsHeader(source);
    return await updateFaults(model, { source, header }, dtype);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return [error.message.replace(`${source.name}: `, '')];
  }
}

/** A statement that holds, as the machine of rounds takes it. */
function declarationOf(
  client: string,
  { statement, signature }: SignedStatement,
  { id, weight }: AcceptedStatement,
): Input<'declare'> {
  const { round, length, chunkSize, root, dtype, samples } = statement;
  const { clipNorm, expires, steps, loss } = statement;
  return {
    kind: 'declare',
    round,
    client,
    root,
    bytes: length,
    chunkBytes: chunkSize,
    dtype,
    samples: weight,
    signed: {
      update: id,
      claimed: samples,
      ...(clipNorm !== undefined && { clipNorm }),
      expires,
      ...(steps !== undefined && { steps }),
      ...(loss !== undefined && { loss }),
      signature: hex(signature),
    },
  };
}

/** An update that was committed before. */
function inAlready(
  update: string,
  size: Pick<Statement, 'length' | 'chunkSize'>,
): Outcome<DeclaredUpdate> {
  const chunks = chunkCount(size);
  return {
    ok: true,
    value: { update, upload: undefined, chunks, repeated: true, committed: true },
  };
}
