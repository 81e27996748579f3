/** ChaCha20 and what boxes are made of, by their published answers and against each other. */

import { createCipheriv } from 'node:crypto';
import { chacha20, chacha20poly1305, hchacha } from '@noble/ciphers/chacha.js';
import { describe, expect, test } from 'vitest';
import { COUNTER, chacha20Block, chacha20State } from '../../../src/core/chacha20.ts';
import { counting, hex } from './providers.ts';

/** A block by our own code. */
function ownBlock(key: Uint8Array, nonce: Uint8Array, counter: number): Uint8Array {
  const state = chacha20State(key, [...wordsOf(nonce)]);
  state[COUNTER] = counter;
  const block = new Uint32Array(16);
  chacha20Block(state, block);
  return bytesOf(block);
}

/** Little-endian words. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytesOf(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true);
  return bytes;
}

const zeros = new Uint8Array(64);
const lastOf = (length: number, byte: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes[length - 1] = byte;
  return bytes;
};

describe('a block of ChaCha20, RFC 8439', () => {
  test.each([
    ['2.3.2', counting(32), hex('000000090000004a00000000'), 1, '10f1e7e4d13b5915', 'a2503c4e'],
    ['A.1 #1', new Uint8Array(32), new Uint8Array(12), 0, '76b8e0ada0f13d90', 'b2ee6586'],
    ['A.1 #2', new Uint8Array(32), new Uint8Array(12), 1, '9f07e7be5551387a', ''],
    ['A.1 #3', lastOf(32, 1), new Uint8Array(12), 1, '3aeb5224ecf84992', ''],
    ['A.1 #4', hex('00ff', '00'.repeat(30)), new Uint8Array(12), 2, '72d54dfbf12ec44b', ''],
    ['A.1 #5', new Uint8Array(32), lastOf(12, 2), 0, 'c2c64d378cd53637', ''],
  ])('%s, by our code, noble and OpenSSL', (_, key, nonce, counter, first, last) => {
    const own = ownBlock(key, nonce, counter);
    expect(Buffer.from(own).toString('hex')).toMatch(new RegExp(`^${first}.*${last}$`));
    expect(chacha20(key, nonce, zeros, undefined, counter)).toEqual(own);
    const iv = Buffer.concat([bytesOf(Uint32Array.of(counter)), nonce]);
    expect(Uint8Array.from(createCipheriv('chacha20', key, iv).update(zeros))).toEqual(own);
  });

  test('as words of a mask: key 00 … 1f, nonce 0, blocks 0 and 1', () => {
    const [zero, one] = [0, 1].map((b) => wordsOf(ownBlock(counting(32), new Uint8Array(12), b)));
    expect([...zero!.subarray(0, 4)]).toEqual([0x7d2bfd39, 0x6a19c5d9, 0x7703bd8d, 0x494adcb8]);
    expect([...one!.subarray(0, 4)]).toEqual([0x3142b818, 0xd1a6e6ad, 0x615c6113, 0x274e43af]);
  });
});

const SUNSCREEN = new TextEncoder().encode(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

describe('what noble makes boxes of', () => {
  test('HChaCha20, draft-irtf-cfrg-xchacha-03 2.2.1', () => {
    const constants = wordsOf(new TextEncoder().encode('expand 32-byte k'));
    const nonce = hex('000000090000004a0000000031415927');
    const key = new Uint32Array(8);
    hchacha(constants, wordsOf(counting(32)), wordsOf(nonce), key);
    expect(bytesOf(key)).toEqual(
      hex('82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc'),
    );
  });

  test('ChaCha20, RFC 8439 2.4.2', () => {
    const nonce = hex('000000000000004a00000000');
    expect(chacha20(counting(32), nonce, SUNSCREEN, undefined, 1)).toEqual(
      hex(
        '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b',
        'f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8',
        '07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736',
        '5af90bbf74a35be6b40b8eedf2785e42874d',
      ),
    );
  });

  test('ChaCha20-Poly1305, RFC 8439 2.8.2', () => {
    const nonce = hex('070000004041424344454647');
    const associated = hex('50515253c0c1c2c3c4c5c6c7');
    expect(chacha20poly1305(counting(32, 0x80), nonce, associated).encrypt(SUNSCREEN)).toEqual(
      hex(
        'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6',
        '3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36',
        '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc',
        '3ff4def08e4b7a9de576d26586cec64b6116',
        '1ae10b594f09e26a7e902ecbd0600691',
      ),
    );
  });
});
