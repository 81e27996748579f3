/** The tree of chunks, held against published roots and a definition that is written down again. */

import { hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chunkCount,
  chunkRange,
  leafHash,
  merkleRoot,
  merkleRootOf,
} from '../../src/federation/merkle.ts';
import { sha256 } from '../../src/federation/store/sha256.ts';
import { hex } from '../../src/secagg/suite.ts';

/** Leaves and roots of the reference tests of Certificate Transparency. */
const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** RFC 6962, section 2.1, word for word: split at the largest power of two below n. */
function rootByDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)].map(rootByDefinition);
  return sha256(Uint8Array.of(1), left!, right!);
}

describe('the root', () => {
  test.each(ROOTS.map((root, n) => [n, root] as const))(
    'of %i published leaves is the published one',
    (n, root) => {
      const leaves = INPUTS.slice(0, n).map((text) => leafHash(hexToBytes(text), sha256));
      expect(hex(merkleRoot(leaves, sha256))).toBe(root);
    },
  );

  test('is that of the definition for every number of leaves up to 70', () => {
    const leaves = Array.from({ length: 70 }, (_, i) => sha256(Uint8Array.of(i)));
    for (let n = 0; n <= leaves.length; n++) {
      expect(merkleRoot(leaves.slice(0, n), sha256)).toEqual(rootByDefinition(leaves.slice(0, n)));
    }
  });

  test('changes with any byte, with the order of chunks and with their size', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2, maxLength: 200 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 1, max: 50 }),
        (bytes, place, change, chunkSize) => {
          const other = bytes.slice();
          other[place % bytes.length]! ^= change;
          const root = hex(merkleRootOf(bytes, chunkSize, sha256));
          expect(hex(merkleRootOf(other, chunkSize, sha256))).not.toBe(root);
        },
      ),
    );
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    expect(merkleRootOf(bytes, 10, sha256)).not.toEqual(merkleRootOf(bytes, 20, sha256));
  });

  test('of a branch is not that of a chunk with the same bytes', () => {
    const [a, b] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
    const forged = Uint8Array.from([...a, ...b]);
    expect(merkleRoot([a, b], sha256)).not.toEqual(merkleRoot([leafHash(forged, sha256)], sha256));
  });
});

describe('chunks', () => {
  test('cover all bytes once, in order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 600 }),
        (length, chunkSize) => {
          const plan = { length, chunkSize };
          let at = 0;
          for (let i = 0; i < chunkCount(plan); i++) {
            const { from, to } = chunkRange(plan, i);
            expect(from).toBe(at);
            expect(to).toBeGreaterThan(from);
            expect(to - from).toBeLessThanOrEqual(chunkSize);
            at = to;
          }
          expect(at).toBe(length);
        },
      ),
    );
  });

  test('there are none of a size below 1, and none behind the last', () => {
    expect(() => chunkCount({ length: 0, chunkSize: 1 })).toThrow(
      /length must be at least 1, got 0/,
    );
    expect(() => chunkCount({ length: 1, chunkSize: 0 })).toThrow(
      /chunkSize must be at least 1, got 0/,
    );
    expect(() => chunkRange({ length: 10, chunkSize: 5 }, 2)).toThrow(
      /index must be in \[0, 1\], got 2/,
    );
  });
});
