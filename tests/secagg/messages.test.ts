/**
 * The wire format: what is written is read, and nothing else is.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Writer } from '../../src/secagg/bytes.ts';
import {
  CONFIG_BYTES,
  checkConfig,
  contextOf,
  encodeConfig,
  parseConfig,
  type RoundConfig,
} from '../../src/secagg/config.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';
import {
  BOX_BYTES,
  encodeBoxes,
  encodeConsents,
  encodeMessage,
  encodeRefusal,
  encodeResult,
  encodeRoster,
  encodeUnmask,
  HEADER_BYTES,
  NOBODY,
  openMessage,
  parseBoxes,
  parseConsents,
  parseEntry,
  parseMasked,
  parseRefusal,
  parseResult,
  parseRoster,
  parseShares,
  parseUnmask,
  parseView,
} from '../../src/secagg/messages.ts';
import { REASONS, type Reason } from '../../src/secagg/reasons.ts';
import { encodeEntry } from '../../src/secagg/roster.ts';
import { hex, joined, u64le } from '../../src/secagg/suite.ts';
import { roundConfig } from '../support/secure-round.ts';

const crypto = nobleCrypto();
const context = new Uint8Array(32).fill(5);
/** So many bytes, different at each place. */
const bytes = (length: number, from = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => from + i);

const entry = {
  identity: bytes(32),
  maskKey: bytes(32, 40),
  boxKey: bytes(32, 80),
  nonce: bytes(32, 120),
  signature: bytes(64, 160),
};

describe('a header', () => {
  const message = encodeMessage({ type: 'view', context, sender: 7 }, bytes(3));

  test('has 48 bytes: magic, version, type, flags, context, sender, length', () => {
    expect(hex(message)).toBe(`53414731${'01'}${'15'}0000${'05'.repeat(32)}0700000003000000010203`);
    expect(openMessage(message)).toMatchObject({ type: 'view', sender: 7, context });
  });

  test('is not read from fewer bytes, or with more after the body', () => {
    for (let length = 0; length < message.length; length++) {
      expect(openMessage(message.subarray(0, length))).toBeUndefined();
    }
    expect(openMessage(joined(message, Uint8Array.of(0)))).toBeUndefined();
  });

  test.each([0, 4, 5, 6, 7, 44])('is not read with byte %i changed', (at) => {
    const changed = message.slice();
    changed[at]! ^= 0x80;
    expect(openMessage(changed)).toBeUndefined();
  });

  test('is read wherever the bytes lie', () => {
    const shifted = joined(bytes(5), message).subarray(5);
    expect(openMessage(shifted)?.body).toEqual(bytes(3));
  });
});

describe('any bytes', () => {
  const parsers = {
    openMessage,
    parseConfig,
    parseEntry,
    parseBoxes,
    parseShares,
    parseConsents,
    parseUnmask,
    parseResult,
    parseRefusal,
    parseRoster: (body: Uint8Array) => parseRoster(body, false),
    parseWholeRoster: (body: Uint8Array) => parseRoster(body, true),
    parseMasked: (body: Uint8Array) => parseMasked(body, 40),
    parseView: (body: Uint8Array) => parseView(body, 21),
  };

  test.each(Object.entries(parsers))('never make %s throw', (_, parse) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (random) => {
        parse(random);
      }),
    );
  });
});

describe('bodies', () => {
  test('come back as they were written', () => {
    const boxes = [3, 9].map((index) => ({ index, box: bytes(BOX_BYTES, index) }));
    expect(parseBoxes(encodeBoxes(boxes))).toEqual(boxes);
    const consents = [1, 2].map((index) => ({ index, signature: bytes(64, index) }));
    expect(parseConsents(encodeConsents(consents))).toEqual(consents);
    const shares = [4, NOBODY - 1].map((index) => ({ index, share: bytes(32, index) }));
    expect(parseUnmask(encodeUnmask(shares))).toEqual(shares);
    const result = { root: bytes(32), view: bytes(32, 2), sum: bytes(32, 3), inputs: 17 };
    expect(parseResult(encodeResult(result))).toEqual(result);
    expect(parseEntry(encodeEntry(entry))).toEqual(entry);
  });

  test.each([true, false])('of rosters too, whole: %s', (whole) => {
    // ⌈log₂ 5⌉ hashes for place 2, two more for place 4, each with a split of 8 bytes.
    const paths = bytes(whole ? 0 : (3 + 2) * (32 + 8));
    const roster = {
      clients: 5,
      index: 2,
      root: bytes(32, 9),
      signature: bytes(64, 8),
      neighbours: [{ index: 4, entry }],
      paths,
    };
    const written = encodeRoster(roster);
    expect(written.length).toBe(4 + 4 + 32 + 64 + 4 + 196 + paths.length);
    expect(parseRoster(written, whole)).toEqual(roster);
    expect(parseRoster(written.subarray(0, -1), whole)).toBeUndefined();
  });

  test('give every reason the same way, and no other code', () => {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const refusal = { reason, have: 3, need: 9 };
      expect(parseRefusal(encodeRefusal(refusal))).toEqual(refusal);
    }
    expect(new Set(Object.values(REASONS)).size).toBe(Object.keys(REASONS).length);
    expect(parseRefusal(joined(Uint8Array.of(0xff, 0xff), bytes(8)))).toBeUndefined();
  });
});

describe('a configuration', () => {
  const config = roundConfig({ clients: 20, dimensions: 1000 });

  test('has one encoding, and the context is its hash', () => {
    const written = encodeConfig(config);
    expect(written.length).toBe(CONFIG_BYTES);
    expect(parseConfig(written)).toEqual(config);
    const label = new TextEncoder().encode('SAGG1 ctx');
    expect(contextOf(config, crypto)).toEqual(crypto.sha256(label, written));
  });

  test('changes the context with each of its bits that can be changed', () => {
    const written = encodeConfig(config);
    const contexts = new Set([hex(contextOf(config, crypto))]);
    let readable = 0;
    for (let bit = 0; bit < 8 * written.length; bit++) {
      const changed = written.slice();
      changed[bit >>> 3]! ^= 1 << (bit & 7);
      const other = parseConfig(changed);
      if (other === undefined) continue;
      readable++;
      contexts.add(hex(contextOf(other, crypto)));
    }
    expect(readable).toBeGreaterThan(1000);
    expect(contexts.size).toBe(readable + 1);
  });

  const wrong: readonly [string, Partial<RoundConfig>][] = [
    ['wrap-around', { valueBits: 24, ringBits: 28 }],
    ['a ring of 33 bits', { ringBits: 33 }],
    ['entries of 25 bits', { valueBits: 25, ringBits: 32 }],
    ['a clip that is no f32', { clip: 0.1 }],
    ['a clip of 0', { clip: 0 }],
    ['a round 0', { round: 0 }],
    ['a sum of more than are invited', { minSum: 21, minStart: 21 }],
    ['a start below the least sum', { minSum: 10, minStart: 9 }],
    ['all clients corrupt', { corrupt: 1_000_000 }],
    ['groups without a size', { topology: 'groups', groupSize: 0 }],
    ['a size without groups', { groupSize: 5 }],
    ['noise without variance', { noise: { law: 'skellam', shareVariance: 0, minHonest: 5 } }],
    ['variance without noise', { noise: { law: 'none', shareVariance: 2, minHonest: 0 } }],
    ['a nonce of 31 bytes', { nonce: new Uint8Array(31) }],
    ['no time to answer', { deadlines: { ...config.deadlines, shares: 0 } }],
  ];
  test.each(wrong)('with %s is refused', (_, change) => {
    expect(() => checkConfig({ ...config, ...change })).toThrow(/must be|does not/);
  });

  test('is at the bound of wrap-around with q + ⌈log₂ n⌉ = b', () => {
    expect(checkConfig({ ...config, valueBits: 11, ringBits: 16 })).toBeDefined();
    expect(() => checkConfig({ ...config, valueBits: 12, ringBits: 16 })).toThrow('q = 12');
  });
});

test('a header is 48 bytes', () => {
  expect(HEADER_BYTES).toBe(48);
});

test.each([-1, 0.5, 2 ** 53, Number.NaN, Infinity])('%f is not written as 64 bits', (value) => {
  expect(() => new Writer(8).u64(value)).toThrow('value must be');
  expect(() => u64le(value)).toThrow('value must be');
});

test('2⁵³ − 1 is the last that is', () => {
  const written = new Writer(8).u64(2 ** 53 - 1).end();
  expect(hex(written)).toBe('ffffffffffff1f00');
  expect(u64le(2 ** 53 - 1)).toEqual(written);
});
