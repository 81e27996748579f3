/**
 * Golden cases without updates, whose answers are bytes: what stands for each of their rules. A
 * result is right if it is the same bytes.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import { FormatError } from '../../core/errors.ts';
import type { CaseKind } from './case.ts';
import type { Fields } from './fields.ts';

/** Bytes of a block of ChaCha20. */
const BLOCK_BYTES = 4 * BLOCK_WORDS;
/** More than any case asks for. */
const MOST_BYTES = 2 ** 20;

/** Cases whose answers are bytes. */
export const byteCases: CaseKind = {
  knows: (rule) => Object.hasOwn(SUBJECTS, rule),
  read(_, { rule, fields }) {
    const compute = SUBJECTS[rule]!(fields.object('params'));
    const expected = hexBytes(fields, 'expected');
    return {
      run() {
        const result = compute();
        const ok =
          result.length === expected.length && result.every((byte, i) => byte === expected[i]);
        return { ok, worst: ok ? 0 : Number.POSITIVE_INFINITY };
      },
    };
  },
};

const SUBJECTS: Readonly<Record<string, (params: Fields) => () => Uint8Array>> = {
  /** RFC 8439, section 2.3: blocks under a 32-bit counter that does not wrap. */
  chacha20_keystream(params) {
    const key = hexBytes(params, 'key_hex', 32);
    const nonce = hexBytes(params, 'nonce_hex', 12);
    const length = params.integer('bytes', 1, MOST_BYTES);
    const blocks = Math.ceil(length / BLOCK_BYTES);
    const first = params.integer('counter', 0, 2 ** 32 - blocks);
    return () => keystream(chacha20State(key, words(nonce)), { first, blocks }).subarray(0, length);
  },
};

function keystream(
  state: Uint32Array,
  { first, blocks }: { first: number; blocks: number },
): Uint8Array {
  const bytes = new Uint8Array(blocks * BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const block = new Uint32Array(BLOCK_WORDS);
  for (let b = 0; b < blocks; b++) {
    state[COUNTER] = first + b;
    chacha20Block(state, block);
    for (const [i, word] of block.entries()) view.setUint32(b * BLOCK_BYTES + 4 * i, word, true);
  }
  return bytes;
}

/** Little-endian. */
function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

/** Lower-case hexadecimal digits, two for each byte. */
function hexBytes(fields: Fields, key: string, length?: number): Uint8Array {
  const text = fields.string(key);
  const isRight = length === undefined || text.length === 2 * length;
  if (isRight && /^([0-9a-f]{2})*$/.test(text)) {
    return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
  }
  const needed = length === undefined ? 'bytes' : `${length} bytes`;
  throw new FormatError(
    'malformed',
    `${fields.where}.${key} must be ${needed} in hexadecimal digits`,
  );
}
