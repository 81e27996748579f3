/**
 * What is known of one private release when it is over: what it was, what its noise was made of, and
 * what all releases so far have cost. For publishing: no key and no seed has a place in it.
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { assertInteger, assertOneOf, assertPositive, show } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { assertEpsilon } from '../accountants/accountant.ts';
import { checkEvent, type PrivacyEvent, type PrivacyUnit } from '../event.ts';
import { checkBudget } from './filter.ts';

/** What whoever made the release knows of its noise. */
export interface ReleaseDetails {
  /** Number of the round, ≥ 0, as its nonces have it. */
  readonly round: number;
  /** SHA-256 of each noise table used, in lower-case hex; none for noise without tables. */
  readonly tables: readonly string[];
  /** First and last nonce used, 96 bits each in lower-case hex, the first no larger. */
  readonly nonces: { readonly first: string; readonly last: string };
  /** Standard deviation that the noise achieved, in units of the lattice, > 0. */
  readonly achievedSigma: number;
}

/** A release, accounted for. Its canonical JSON is what is hashed and signed. */
export interface Receipt extends ReleaseDetails {
  readonly version: 1;
  /** Whose presence is hidden; the relation is the event's. */
  readonly unit: PrivacyUnit;
  readonly event: PrivacyEvent;
  /** ε of this and all releases charged before, abandoned ones too, at `delta`. */
  readonly epsilonSoFar: number;
  /** What they may cost together. */
  readonly budget: { readonly epsilon: number; readonly delta: number };
  /** The charge: its place in the ledger, from 1, and the hash of its record. */
  readonly charge: { readonly record: number; readonly hash: string };
}

const HASH = /^[0-9a-f]{64}$/;
const NONCE = /^[0-9a-f]{24}$/;
const DETAILS = ['round', 'tables', 'nonces', 'achievedSigma'];

/**
 * The details and nothing else: an unknown field is refused, whatever it holds.
 *
 * @throws {TypeError | RangeError} that names the field.
 */
export function checkDetails(details: ReleaseDetails): ReleaseDetails {
  assertFields('details', details, DETAILS);
  const { round, tables, nonces, achievedSigma } = details;
  assertFields('nonces', nonces, ['first', 'last']);
  for (const [i, table] of tables.entries()) assertHex(`tables[${i}]`, table, HASH);
  const first = assertHex('nonces.first', nonces.first, NONCE);
  const last = assertHex('nonces.last', nonces.last, NONCE);
  // Of equal length and case, so that text is in the order of numbers.
  if (last < first) throw new RangeError(`nonces.last must be no less than ${first}, got ${last}`);
  return {
    round: assertInteger('round', round, 0),
    tables: [...tables],
    nonces: { first, last },
    achievedSigma: assertPositive('achievedSigma', achievedSigma),
  };
}

const RECEIPT = [
  'version',
  ...DETAILS,
  'unit',
  'event',
  'epsilonSoFar',
  'budget',
  'charge',
] as const;

/**
 * The receipt, if it is one and holds nothing else. Whether it is true is another matter.
 *
 * @throws {TypeError | RangeError} that names the field.
 */
export function checkReceipt(receipt: Receipt): Receipt {
  assertFields('receipt', receipt, RECEIPT);
  const { version, unit, event, epsilonSoFar, budget, charge, ...details } = receipt;
  if (version !== 1) throw new TypeError(`version must be 1, got ${show(version)}`);
  checkDetails(details);
  assertOneOf('unit', unit, ['client', 'record']);
  assertFields('event', event, ['mechanism', 'sampling', 'relation']);
  checkEvent(event);
  assertEpsilon(epsilonSoFar);
  assertFields('budget', budget, ['epsilon', 'delta']);
  checkBudget(budget);
  assertFields('charge', charge, ['record', 'hash']);
  assertInteger('charge.record', charge.record, 1);
  assertHex('charge.hash', charge.hash, HASH);
  return receipt;
}

/** The receipt's one spelling. */
export function receiptText(receipt: Receipt): string {
  return canonicalJson(receipt as unknown as Json);
}

/** SHA-256 of a text in UTF-8, in lower-case hex. */
export function hashOf(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

function assertFields(name: string, value: object, fields: readonly string[]): void {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${name} must be an object, got ${show(value)}`);
  }
  const unknown = Object.keys(value).find((key) => !fields.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`${name} must hold ${fields.join(', ')} alone, got ${unknown} too`);
  }
}

function assertHex(name: string, value: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw new TypeError(`${name} must be lower-case hex of ${pattern.source}, got ${typeof value}`);
  }
  return value;
}
