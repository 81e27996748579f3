/**
 * An update as bytes: a safetensors file with the tensors of the model, in a number type of the wire,
 * and a signed statement of what it is.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';
import { blockScales, encodeBlocks, scalesName } from '../../formats/blocks.ts';
import { LITTLE_ENDIAN } from '../../formats/dtype.ts';
import { narrowToBrainFloats, narrowToHalves } from '../../formats/narrow.ts';
import { quote } from '../../formats/quote.ts';
import { planSafetensors, type TensorInfo } from '../../formats/safetensors.ts';
import { type WireDtype, wireDtypes } from '../../formats/wire.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import type { Identity } from '../identity.ts';
import { chunkCount, merkleRootOf } from '../merkle.ts';
import { type MASKED, type SignedStatement, signStatement, statementId } from '../statement.ts';
import { partName } from '../update-layout.ts';
import type { RoundTerms } from './answers.ts';
import type { Tensors } from './model.ts';

/** What training gives. */
export interface LocalUpdate {
  /**
   * The difference that training made: for each tensor of the model as many values, row-major. What the
   * model was plus this is what it became.
   */
  readonly difference: ReadonlyMap<string, Float32Array> | Readonly<Record<string, Float32Array>>;
  /** Samples that it was computed on. >= 1 */
  readonly samples: number;
  /** Change of the client's control variate, tensor by tensor, where the round asks for it. */
  readonly control?: ReadonlyMap<string, Float32Array> | Readonly<Record<string, Float32Array>>;
  /** Local steps, where the round asks for them. >= 1 */
  readonly steps?: number;
  /** Loss of the round's model on the client's examples, where the round asks for it. >= 0 */
  readonly loss?: number;
  /** The norm that it was clipped to, if it was. */
  readonly clipNorm?: number;
}

/** An update that is ready to be sent. */
export interface PreparedUpdate {
  readonly file: Uint8Array;
  readonly signed: SignedStatement;
  /** SHA-256 of the statement, in lower-case hex: the update's name. */
  readonly id: string;
  readonly chunks: number;
}

/** Of the types that the round takes, the one that is wished for, or the first that is known. */
export function chooseDtype(taken: readonly string[], wish?: WireDtype): WireDtype {
  const known = taken.filter((dtype): dtype is WireDtype =>
    (wireDtypes as readonly string[]).includes(dtype),
  );
  if (wish !== undefined && known.includes(wish)) return wish;
  if (known[0] !== undefined) return known[0];
  const message = `the round takes ${taken.join(', ')}; this client writes ${wireDtypes.join(', ')}`;
  throw new FederationError('protocol', message);
}

/** Options of {@link updateFile}. */
export interface UpdateFileOptions {
  readonly dtype: WireDtype;
  /** Whether NaN and infinities are sent: every server's screen turns them away. Default false. */
  readonly nonFinite?: boolean;
  /** What the change of a control variate is multiplied by, where the round asks for it. */
  readonly controlScale?: number | undefined;
}

/**
 * The file of an update.
 *
 * @throws {FederationError} `bad-update` that names the tensor which is missing, too many, of a wrong
 *   length, or holds what the type cannot.
 */
export function updateFile(
  model: Tensors,
  update: LocalUpdate,
  { dtype, nonFinite = false, controlScale }: UpdateFileOptions,
): Uint8Array {
  if (!LITTLE_ENDIAN) throw new FederationError('bad-update', 'needs a little-endian machine');
  const parts = [tensorsOf('difference', update.difference, model)];
  if (controlScale !== undefined) {
    const control = tensorsOf('control', update.control, model);
    parts.push(new Map([...control].map(([name, row]) => [name, scaled(row, controlScale)])));
  }
  const written = parts.flatMap((tensors, part) =>
    [...model].flatMap(([name, { shape }]) =>
      writtenTensors(tensors.get(name)!, { name: partName(name, part), shape, dtype, nonFinite }),
    ),
  );
  const { head, tensors: places } = planSafetensors(written);
  const file = new Uint8Array(places.reduce((end, { to }) => Math.max(end, to), head.length));
  file.set(head);
  const starts = new Map(places.map(({ name, from }) => [name, from]));
  for (const { name, values } of written) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    file.set(bytes, starts.get(name)!);
  }
  return file;
}

/** What training gave for each tensor of the model. */
function tensorsOf(
  what: 'difference' | 'control',
  given: LocalUpdate['difference'] | undefined,
  model: Tensors,
): ReadonlyMap<string, Float32Array> {
  if (typeof given !== 'object' || given === null) {
    const message = `the ${what} must hold tensors by name, got ${show(given)}`;
    throw new FederationError('bad-update', message);
  }
  const found = given instanceof Map ? given : new Map<string, unknown>(Object.entries(given));
  const stranger = [...found.keys()].find((name) => !model.has(name));
  if (stranger !== undefined) throw badUpdate(stranger, 'the model has no such tensor');
  for (const [name, { values }] of model) {
    const came = found.get(name);
    if (came instanceof Float32Array && came.length === values.length) continue;
    const got = came instanceof Float32Array ? `${came.length}` : show(came);
    const where = what === 'difference' ? '' : `of the ${what} `;
    throw badUpdate(name, `${where}needs a Float32Array of ${values.length}, got ${got}`);
  }
  return found as ReadonlyMap<string, Float32Array>;
}

function scaled(row: Float32Array, factor: number): Float32Array {
  return factor === 1 ? row : row.map((value) => factor * value);
}

/** A tensor of the file. */
interface WrittenTensor extends TensorInfo {
  readonly values: ArrayBufferView;
}

function writtenTensors(
  values: Float32Array,
  options: Omit<TensorInfo, 'dtype'> & {
    readonly dtype: WireDtype;
    readonly nonFinite: boolean;
  },
): WrittenTensor[] {
  const { name, shape, dtype, nonFinite } = options;
  if (dtype === 'I8') {
    const scales = blockScales(values, (entry) => {
      throw badUpdate(name, wrongEntry(values, entry, dtype));
    });
    const integers = encodeBlocks(values, scales);
    return [
      { name, dtype, shape, values: integers },
      { name: scalesName(name), dtype: 'F16', shape: [scales.length], values: scales },
    ];
  }
  const written = narrowed(values, dtype);
  const wrong = nonFinite ? -1 : firstWrong(values, written, dtype);
  if (wrong >= 0) throw badUpdate(name, wrongEntry(values, wrong, dtype));
  return [{ name, dtype, shape, values: written }];
}

function narrowed(
  values: Float32Array,
  dtype: Exclude<WireDtype, 'I8'>,
): Float32Array | Uint16Array {
  if (dtype === 'F32') return values;
  const narrow = new Uint16Array(values.length);
  (dtype === 'F16' ? narrowToHalves : narrowToBrainFloats)(values, narrow);
  return narrow;
}

function wrongEntry(values: Float32Array, entry: number, dtype: WireDtype): string {
  const value = values[entry]!;
  return Number.isFinite(value)
    ? `entry ${entry} is ${value}, beyond the range of ${dtype}`
    : `entry ${entry} is ${value}: has training diverged?`;
}

/** The first entry that cannot be sent; -1 if all can. */
function firstWrong(
  values: Float32Array,
  written: Float32Array | Uint16Array,
  dtype: WireDtype,
): number {
  const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) return i;
    if (dtype !== 'F32' && (written[i]! & infinity) === infinity) return i;
  }
  return -1;
}

function badUpdate(name: string, what: string): FederationError {
  return new FederationError('bad-update', `tensor ${quote(name)}: ${what}`);
}

/** What a statement is made on, beside the round's terms. */
export interface StatementOptions {
  readonly run: string;
  readonly identity: Identity;
  readonly crypto: Pick<CryptoProvider, 'sha256'>;
  /** By the server's clock. Milliseconds since 1970 */
  readonly now: number;
  readonly dtype: WireDtype | typeof MASKED;
}

/** Statements last so long at most, in milliseconds: servers take a day. */
const LIFETIME_MS = 12 * 3600 * 1000;

/** The file with its signed statement. */
export async function prepareUpdate(
  file: Uint8Array,
  update: Pick<LocalUpdate, 'samples' | 'clipNorm' | 'steps' | 'loss'>,
  options: StatementOptions & { readonly terms: RoundTerms },
): Promise<PreparedUpdate> {
  const { terms, run, identity, crypto, now, dtype } = options;
  const { chunkSize } = terms;
  const clipNorm = update.clipNorm ?? terms.clipNorm;
  const statement = {
    run,
    round: terms.round,
    model: terms.model,
    client: identity.id,
    dtype,
    length: file.length,
    chunkSize,
    root: hex(merkleRootOf(file, chunkSize, (...parts) => crypto.sha256(...parts))),
    samples: samplesOf(update.samples),
    ...(clipNorm !== undefined && { clipNorm }),
    expires: Math.max(now, Math.min(terms.deadline, now + LIFETIME_MS)),
    ...claimsOf(update, terms),
  };
  const signed = await signStatement(statement, identity);
  const chunks = chunkCount({ length: file.length, chunkSize });
  return { file, signed, id: statementId(statement, crypto), chunks };
}

/** What the round asks for, and nothing else: the rest is the client's own business. */
function claimsOf(
  update: Pick<LocalUpdate, 'steps' | 'loss'>,
  { claims }: RoundTerms,
): Pick<LocalUpdate, 'steps' | 'loss'> {
  const told = claims.map((name) => {
    const value = name === 'steps' || name === 'loss' ? update[name] : undefined;
    const isFit = Number.isFinite(value) && value! >= 0;
    if (isFit && (name !== 'steps' || Number.isInteger(value))) return [name, value];
    const needed = `the round asks for ${name}, a number that is not negative`;
    throw new FederationError('bad-update', `${needed}: training gave ${show(value)}`);
  });
  return Object.fromEntries(told);
}

function samplesOf(samples: number): number {
  try {
    return assertInteger('samples', samples, 1);
  } catch (cause) {
    throw new FederationError('bad-update', (cause as Error).message, { cause });
  }
}

/** A signed statement as it is sent. */
export function statementJson({ statement, signature }: SignedStatement): Record<string, unknown> {
  const { model, ...rest } = statement;
  return { ...rest, baseModel: model, signature: hex(signature) };
}
