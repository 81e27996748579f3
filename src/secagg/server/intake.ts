/**
 * How a server takes messages of clients: what costs least is looked at first, and what a message changes
 * it changes at once, when all that can fail is behind it.
 *
 * @module
 */

import { isAgreementKey } from '../agreement-keys.ts';
import type { Member } from '../keys.ts';
import {
  BOX_RECORD_BYTES,
  COMPLAINT_BYTES,
  consentToVerify,
  type Envelope,
  encodeMessage,
  entryToVerify,
  type MessageType,
  maskedToVerify,
  NOBODY,
  openMessage,
  parseComplaint,
  parseEntry,
  parseMasked,
  parseRefusal,
  parseShares,
  parseUnmask,
  REFUSAL_BYTES,
  SHARE_RECORD_BYTES,
  signedPart,
  unmaskToVerify,
} from '../messages.ts';
import { packedBytes } from '../packing.ts';
import type { Reason } from '../reasons.ts';
import { ENTRY_BYTES, type Entry } from '../roster.ts';
import { compareBytes, hex, KEY_BYTES, SIGNATURE_BYTES, SLOTS, sameBytes } from '../suite.ts';
import { neighboursHash } from '../view.ts';
import type { Mail, Outgoing } from './mail.ts';
import type { ServerRound } from './round.ts';
import { ORDER, PHASES, type ServerPhase } from './state.ts';
import { unpackedBy } from './steady.ts';

/** Ends the taking of a message: it is answered with the reason, and nothing changes but who is left. */
class Refused extends Error {
  readonly reason: Reason;
  /** Whether its sender is out of the round. */
  readonly isDismissal: boolean;

  constructor(reason: Reason, isDismissal = false) {
    super(reason);
    this.reason = reason;
    this.isDismissal = isDismissal;
  }
}

/** What came of a message. */
interface Taking {
  /** For its sender, who may not have got it. */
  readonly send: readonly Outgoing[];
  /** Whether fewer are waited for than before. */
  readonly isNews: boolean;
  readonly refused?: Reason;
  /** Whether nothing is to be said of it. */
  readonly isOurFault?: true;
}

/** Which messages of clients a phase takes. */
const TAKEN: Readonly<Record<ServerPhase, readonly MessageType[]>> = {
  keys: ['advertise'],
  shares: ['shares', 'abort'],
  masked: ['masked', 'complaint', 'abort'],
  consents: ['consent', 'abort'],
  unmask: ['unmask', 'abort'],
  done: [],
  aborted: [],
};

/** Takes messages for a round. */
export class Intake {
  readonly #round: ServerRound;
  readonly #mail: Mail;

  constructor(round: ServerRound, mail: Mail) {
    this.#round = round;
    this.#mail = mail;
  }

  /** Takes a message, or says why not. What fails here fails before anything has changed. */
  async taking(message: Uint8Array): Promise<Taking> {
    try {
      return await this.#take(message);
    } catch (error) {
      if (error instanceof Refused) {
        return { send: [], isNews: error.isDismissal, refused: error.reason };
      }
      this.#round.failed(error);
      return { send: [], isNews: false, refused: 'local', isOurFault: true };
    }
  }

  /**
   * What costs least is looked at first: whoever sends garbage can have a header read, and in the name of
   * somebody who is waited for one hash and one signature checked of a message as long as right ones.
   */
  async #take(message: Uint8Array): Promise<Taking> {
    const { crypto } = this.#round.options;
    const { taken, phase, refusal: why } = this.#round.state;
    const envelope = openMessage(message);
    if (envelope === undefined) throw new Refused('malformed');
    const { type, sender, context, body } = envelope;
    if (!sameBytes(context, this.#round.context)) throw new Refused('wrong-context');
    if (body.length > this.#longestBody(type, sender)) throw new Refused('malformed');
    const key = `${type} ${type === 'advertise' ? hex(body.subarray(0, KEY_BYTES)) : sender}`;
    const before = taken.get(key);
    if (before !== undefined) {
      if (!sameBytes(before, crypto.sha256(message))) throw new Refused('conflict');
      return { send: await this.#again(envelope), isNews: false };
    }
    if (phase === 'aborted') throw new Refused(why?.reason ?? 'server-abort');
    if (!TAKEN[phase].includes(type)) throw new Refused(this.#timing(type));
    const member = type === 'advertise' ? undefined : this.#member(sender);
    const digest = crypto.sha256(message);
    if (member === undefined) await this.#advertised(envelope);
    else await this.#fromMember(envelope, member);
    taken.set(key, digest);
    return { send: [], isNews: true };
  }

  /** Bytes that a body of that type has at most; none of what clients do not send. */
  #longestBody(type: MessageType, sender: number): number {
    const { config } = this.#round.options;
    const degree = this.#round.degreeOf(sender);
    switch (type) {
      case 'advertise':
        return ENTRY_BYTES;
      case 'shares':
        return degree * BOX_RECORD_BYTES + KEY_BYTES + SIGNATURE_BYTES;
      case 'masked':
        return (
          packedBytes(SLOTS + config.dimensions, config.ringBits) + KEY_BYTES + SIGNATURE_BYTES
        );
      case 'consent':
        return SIGNATURE_BYTES;
      case 'unmask':
        return degree * SHARE_RECORD_BYTES + SIGNATURE_BYTES;
      case 'complaint':
        return COMPLAINT_BYTES + SIGNATURE_BYTES;
      case 'abort':
        return REFUSAL_BYTES + SIGNATURE_BYTES;
      default:
        return -1;
    }
  }

  /** What the sender of a message that came before may not have got, if anything. */
  async #again({ type, sender, body }: Envelope): Promise<readonly Outgoing[]> {
    const { phase, roster } = this.#round.state;
    if (roster.length === 0) {
      const name = hex(body.subarray(0, KEY_BYTES));
      return phase === 'aborted' ? this.#mail.toAdvertised([name]) : [];
    }
    const index = type === 'advertise' ? placeOf(roster, body.subarray(0, KEY_BYTES)) : sender;
    return this.#mail.mayLack(index) ? this.#mail.deliver([index]) : [];
  }

  #timing(type: MessageType): Reason {
    if (type === 'abort' || type === 'complaint') return 'late';
    const due = ORDER.indexOf(type);
    if (due < 0) return 'malformed';
    return due < PHASES.indexOf(this.#round.state.phase) ? 'late' : 'early';
  }

  /** R0 */
  async #advertised(envelope: Envelope): Promise<void> {
    const { crypto, enrolment } = this.#round.options;
    const { advertised, agreementKeys } = this.#round.state;
    const entry = parseEntry(envelope.body);
    if (entry === undefined || envelope.sender !== NOBODY) throw new Refused('malformed');
    const { identity, maskKey, boxKey, signature } = entry;
    if (![maskKey, boxKey].every(isAgreementKey)) throw new Refused('bad-key');
    if (!(await enrolment(identity))) throw new Refused('not-enrolled');
    const message = entryToVerify(entry, this.#round.context, crypto);
    await this.#requireSignature({ publicKey: identity, message, signature });
    const keys = [hex(maskKey), hex(boxKey)];
    if (keys[0] === keys[1] || keys.some((key) => agreementKeys.has(key))) {
      throw new Refused('conflict');
    }
    // A key of low order would stop all its neighbours.
    const secret = crypto.randomBytes(KEY_BYTES);
    const agreed = await crypto.sharedSecrets([
      { secret, publicKey: maskKey },
      { secret, publicKey: boxKey },
    ]);
    if (agreed.includes(undefined)) throw new Refused('malformed');
    advertised.set(hex(identity), entry);
    for (const key of keys) agreementKeys.add(key);
  }

  #member(sender: number): Member {
    const { roster, gone } = this.#round.state;
    const entry = roster[sender];
    if (entry === undefined || gone.has(sender)) throw new Refused('outsider');
    return { index: sender, entry };
  }

  async #fromMember(envelope: Envelope, member: Member): Promise<void> {
    switch (envelope.type) {
      case 'shares':
        return this.#shared(envelope, member);
      case 'masked':
        return this.#masked(envelope, member);
      case 'consent':
        return this.#consented(envelope, member);
      case 'unmask':
        return this.#unmasked(envelope, member);
      case 'complaint':
        return this.#complained(envelope, member);
      default:
        return this.#left(envelope, member);
    }
  }

  /** R1 */
  async #shared(envelope: Envelope, member: Member): Promise<void> {
    const content = await this.#content(envelope, member);
    const shares = parseShares(content);
    const expected = this.#round.graph.neighbours(member.index);
    const fits =
      shares !== undefined &&
      shares.boxes.length === expected.length &&
      shares.boxes.every(({ index }, i) => index === expected[i]);
    if (!fits) return this.#dismiss(member);
    const { commitment } = shares;
    const boxes = content.slice(0, content.length - commitment.length);
    this.#round.state.shared.set(member.index, { boxes, commitment });
  }

  /** R2: verified before it is added. */
  async #masked(envelope: Envelope, member: Member): Promise<void> {
    const { config, crypto } = this.#round.options;
    const { sharers, survivors, binding } = this.#round.state;
    if (!sharers.has(member.index)) throw new Refused('outsider');
    const entries = SLOTS + config.dimensions;
    const body = parseMasked(envelope.body, packedBytes(entries, config.ringBits));
    if (body === undefined) throw new Refused('malformed');
    // Read before anything is waited for: what is added is what the signature is over, even if the caller
    // uses these bytes for something else in the meantime.
    const message = maskedToVerify(envelope.header, body, crypto);
    const words = await unpackedBy(this.#round, body.packed.slice(), {
      bits: config.ringBits,
      entries,
    });
    const near = neighboursHash(this.#round.near(member.index, sharers), binding, crypto);
    const { signature, view } = body;
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    if (words === undefined || !sameBytes(view, near)) return this.#dismiss(member);
    const cohort = this.#round.cohort(member.index);
    if (cohort.refusal !== undefined) throw new Refused(cohort.refusal.reason);
    cohort.sum ??= new Uint32Array(entries);
    addTo(cohort.sum, words);
    survivors.add(member.index);
  }

  /** R3 */
  async #consented({ body }: Envelope, member: Member): Promise<void> {
    const { survivors, consents } = this.#round.state;
    if (!survivors.has(member.index)) throw new Refused('outsider');
    const { view, refusal: why } = this.#round.cohort(member.index);
    if (why !== undefined || view === undefined) throw new Refused(why?.reason ?? 'outsider');
    if (body.length !== SIGNATURE_BYTES) throw new Refused('malformed');
    const signature = body.slice();
    const message = consentToVerify(view);
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    consents.set(member.index, signature);
  }

  /** R4 */
  async #unmasked(envelope: Envelope, member: Member): Promise<void> {
    const { header } = envelope;
    const body = envelope.body.slice();
    const { consents, sharers, revealed } = this.#round.state;
    if (!consents.has(member.index)) throw new Refused('outsider');
    const { view, refusal: why } = this.#round.cohort(member.index);
    if (why !== undefined || view === undefined) throw new Refused(why?.reason ?? 'outsider');
    if (body.length < SIGNATURE_BYTES) throw new Refused('malformed');
    const content = body.subarray(0, -SIGNATURE_BYTES);
    const message = unmaskToVerify(header, { view, content }, this.#round.options.crypto);
    const signature = body.slice(-SIGNATURE_BYTES);
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    const shares = parseUnmask(content);
    const near = this.#round.near(member.index, sharers);
    const fits =
      shares !== undefined &&
      shares.length === near.length &&
      shares.every(({ index }, i) => index === near[i]);
    if (!fits) return this.#dismiss(member);
    revealed.set(member.index, body);
  }

  async #complained(envelope: Envelope, member: Member): Promise<void> {
    const { complaints, sharers } = this.#round.state;
    const words = encodeMessage(envelope, envelope.body);
    const accused = parseComplaint(await this.#content(envelope, member));
    if (accused === undefined || !this.#round.near(member.index, sharers).includes(accused)) {
      return this.#dismiss(member);
    }
    complaints.set(accused, new Map([...(complaints.get(accused) ?? []), [member.index, words]]));
    this.#round.state.gone.add(member.index);
  }

  async #left(envelope: Envelope, member: Member): Promise<void> {
    const why = parseRefusal(await this.#content(envelope, member));
    if (why === undefined) return this.#dismiss(member);
    this.#round.state.gone.add(member.index);
  }

  /** A copy of the body of a message that its sender has signed, without the signature. */
  async #content(envelope: Envelope, { entry }: Member): Promise<Uint8Array> {
    const part = signedPart(envelope, this.#round.options.crypto);
    if (part === undefined) throw new Refused('malformed');
    const { signature, toVerify } = part;
    const content = part.content.slice();
    await this.#requireSignature({ publicKey: entry.identity, message: toVerify, signature });
    return content;
  }

  async #requireSignature(claim: {
    publicKey: Uint8Array;
    message: Uint8Array;
    signature: Uint8Array;
  }): Promise<void> {
    const [valid] = await this.#round.options.crypto.verifyAll([claim]);
    if (valid !== true) throw new Refused('bad-signature');
  }

  /** Who signs what makes no sense has left: nobody waits for it. */
  #dismiss({ index }: Member): never {
    this.#round.state.gone.add(index);
    throw new Refused('malformed', true);
  }
}

/** The index of an identity that is in the roster. */
function placeOf(roster: readonly Entry[], identity: Uint8Array): number {
  let low = 0;
  for (let high = roster.length - 1; low < high; ) {
    const middle = (low + high) >>> 1;
    if (compareBytes(roster[middle]!.identity, identity) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function addTo(sum: Uint32Array, words: Uint32Array): void {
  for (let j = 0; j < sum.length; j++) sum[j]! += words[j]!;
}
