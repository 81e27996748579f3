import { chacha20 } from '@noble/ciphers/chacha.js';
import { describe, expect, test } from 'vitest';
import { chacha20Block, chacha20State, chacha20Words } from '../../src/core/chacha20.ts';
import { GOLDEN, goldenRows } from '../privacy/lattice/golden.ts';
import { itShared } from '../support/shared.ts';

/** With any number of rounds, as RFC 8439 describes it: 8 and 12 are only weighed here. */
function chacha(start: readonly number[], rounds: number): number[] {
  const s = Uint32Array.from(start);
  const step = (a: number, b: number, [c, left]: readonly [number, number]): void => {
    s[a]! += s[b]!;
    const word = s[c]! ^ s[a]!;
    s[c] = (word << left) | (word >>> (32 - left));
  };
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 4; i++) {
      const [a, b, c, d] = [0, 1, 2, 3].map((row) => 4 * row + ((i + (round % 2) * row) % 4));
      step(a!, b!, [d!, 16]);
      step(c!, d!, [b!, 12]);
      step(a!, b!, [d!, 8]);
      step(c!, d!, [b!, 7]);
    }
  }
  return [...s.map((word, i) => word + start[i]!)];
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function blockOf(key: Uint8Array, nonce: Uint8Array, counter: number): Uint32Array {
  const state = chacha20State(key, wordsOf(nonce));
  state[12] = counter;
  const block = new Uint32Array(16);
  chacha20Block(state, block);
  return block;
}

function wordsOf(data: Uint8Array): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

describe('a block of ChaCha20', () => {
  test('is that of RFC 8439, section 2.3.2', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const block = blockOf(key, bytes('000000090000004a00000000'), 1);
    const want =
      'e4e7f110 15593bd1 1fdd0f50 c47120a3 c7f4d1c7 0368c033 9aaa2204 4e6cd4c3 ' +
      '466482d2 09aa9f07 05d7c214 a2028bd9 d19c12b5 b94e16de e883d0cb 4e3c50a2';
    expect([...block].map((word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(want);
  });

  test("is the library's, up to the end of the counter", () => {
    for (let i = 1; i < 50; i++) {
      const key = Uint8Array.from({ length: 32 }, (_, k) => (k * 17 + i * 29) % 256);
      const nonce = Uint8Array.from({ length: 12 }, (_, k) => (k * 13 + i * 7) % 256);
      // The library refuses the last block, which the golden rows have.
      const counter = i === 1 ? 2 ** 32 - 2 : i * 85_899_345;
      const want = chacha20(key, nonce, new Uint8Array(64), undefined, counter);
      expect([...blockOf(key, nonce, counter)]).toEqual(wordsOf(want));
    }
  });

  test('and those after it make the keystream, from any block on', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
    const nonce = bytes('000000090000004a00000000');
    const state = chacha20State(key, wordsOf(nonce));
    state[12] = 5;
    const want = wordsOf(chacha20(key, nonce, new Uint8Array(64 * 8), undefined, 5));
    expect([...chacha20Words(state, 3)]).toEqual(want.slice(0, 48));
    expect([...chacha20Words(state, 5)]).toEqual(want.slice(48));
  });

  itShared('is that of the golden rows', [GOLDEN], ([file]) => {
    const rows = goldenRows<
      { rounds: 8 | 12 | 20; key_hex: string; counter: number; nonce_hex: string },
      { words_hex: string[] }
    >(file, 'chacha_block');
    for (const { params, result } of rows) {
      const [key, nonce] = [bytes(params.key_hex), bytes(params.nonce_hex)];
      const want = result.words_hex.map((word) => Number.parseInt(word, 16));
      const state = chacha20State(key, wordsOf(nonce));
      state[12] = params.counter;
      expect(chacha([...state], params.rounds)).toEqual(want);
      if (params.rounds === 20) expect([...blockOf(key, nonce, params.counter)]).toEqual(want);
    }
    expect(rows.some(({ params }) => params.rounds === 20)).toBe(true);
  });
});

/** Philox4x32-10 (Salmon and others, SC 2011): only what ChaCha20 is weighed against. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k, l] = key.map(BigInt) as [bigint, bigint];
  const word = 0xffff_ffffn;
  for (let round = 0; round < 10; round++) {
    const [p, q] = [0xd2511f53n * a, 0xcd9e8d57n * c];
    [a, b, c, d] = [(q >> 32n) ^ b ^ k, q & word, (p >> 32n) ^ d ^ l, p & word];
    k = (k + 0x9e3779b9n) & word;
    l = (l + 0xbb67ae85n) & word;
  }
  return [a, b, c, d].map(Number);
}

itShared('Philox of the golden rows is the published one', [GOLDEN], ([file]) => {
  const rows = goldenRows<{ counter: string[]; key: string[] }, { words_hex: string[] }>(
    file,
    'philox4x32_10',
  );
  const hex = (words: string[]): number[] => words.map((w) => Number.parseInt(w, 16));
  for (const { params, result } of rows) {
    expect(philox(hex(params.counter), hex(params.key))).toEqual(hex(result.words_hex));
  }
});
