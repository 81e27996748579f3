/**
 * TensorBoard's event files: scalars over steps, each a protocol buffer in a record of TFRecord.
 *
 * A record is its length (8 bytes, little-endian), the length's checksum, the bytes, and theirs; a checksum
 * is a CRC-32C, turned by 15 bits and shifted by a constant so that checksums of checksums stay apart. The
 * messages are `tensorflow.Event` and `tensorflow.Summary`; of their fields, those that scalars need.
 *
 * Castagnoli, Bräuer, Herrmann. "Optimization of Cyclic Redundancy-Check Codes with 24 and 32 Parity Bits",
 * IEEE Transactions on Communications, 1993.
 *
 * @module
 */

import { concatBytes } from '@noble/hashes/utils.js';

/** A value at a step. */
export interface Scalar {
  /** Its name; what stands before a slash makes a group. */
  readonly tag: string;
  /** Rounded to f32. */
  readonly value: number;
}

/** Values of one step. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: readonly Scalar[];
}

/** What a file begins with: its version. */
export function eventFileHead(wallTime: number): Uint8Array {
  const version = new TextEncoder().encode('brain.Event:2');
  return record(concatBytes(double(1, wallTime), bytes(3, version)));
}

/** Values, as the next bytes of a file. */
export function scalarRecord({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
  const values = scalars.map(({ tag, value }) =>
    bytes(1, concatBytes(bytes(1, new TextEncoder().encode(tag)), float(2, value))),
  );
  const summary = bytes(5, concatBytes(...values));
  return record(concatBytes(double(1, wallTime), varintField(2, step), summary));
}

// TFRecord

function record(content: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(content.length), true);
  return concatBytes(length, masked(length), content, masked(content));
}

function masked(content: Uint8Array): Uint8Array {
  const crc = crc32c(content);
  const turned = ((crc >>> 15) | (crc << 17)) >>> 0;
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, turned + 0xa282ead8, true);
  return out;
}

/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

/** CRC-32C. */
export function crc32c(content: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of content) rest = TABLE[(rest ^ byte) & 0xff]! ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

// Protocol buffers

const VARINT = 0;
const SIXTY_FOUR = 1;
const BYTES = 2;
const THIRTY_TWO = 5;

function key(field: number, wire: number): Uint8Array {
  return varint((field << 3) | wire);
}

function varintField(field: number, value: number): Uint8Array {
  return concatBytes(key(field, VARINT), varint(value));
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) out.push((left % 0x80) | 0x80);
  return Uint8Array.from([...out, left]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return concatBytes(key(field, BYTES), varint(content.length), content);
}

function double(field: number, value: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setFloat64(0, value, true);
  return concatBytes(key(field, SIXTY_FOUR), out);
}

function float(field: number, value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setFloat32(0, value, true);
  return concatBytes(key(field, THIRTY_TWO), out);
}
