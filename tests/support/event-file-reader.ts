/**
 * TensorBoard's event files, read as their formats say: TFRecord with masked CRC-32C, and the wire format
 * of protocol buffers. Nothing is shared with what writes them.
 *
 * @module
 */

/** An event that was read. */
export interface ReadEvent {
  wallTime: number;
  step: number;
  version?: string;
  values: Record<string, number>;
}

/** All events of a file. @throws {Error} at the first byte that is wrong. */
export function readEventFile(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const content = file.subarray(at + 12, at + 12 + length);
    if (content.length !== length) throw new Error('the record is cut off');
    check(content, file.readUInt32LE(at + 12 + length));
    events.push(eventIn(content));
    at += 16 + length;
  }
  return events;
}

function check(content: Buffer, expected: number): void {
  const crc = bitwiseCrc32c(content);
  // The mask as TensorFlow's lib/hash/crc32c.h gives it.
  const rotated = BigInt(crc >>> 15) | ((BigInt(crc) << 17n) & 0xffffffffn);
  if (Number((rotated + 0xa282ead8n) & 0xffffffffn) !== expected) throw new Error('wrong checksum');
}

/** One bit after the other, by long division. */
export function bitwiseCrc32c(content: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of content) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

type Field = { number: number; value: bigint | Buffer };

function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('the message is cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new Error('the field is cut off');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const wire = key & 7;
    const value =
      wire === 0
        ? varint()
        : wire === 1
          ? take(8)
          : wire === 5
            ? take(4)
            : wire === 2
              ? take(Number(varint()))
              : undefined;
    if (value === undefined) throw new Error(`wire type ${wire}`);
    yield { number: key >> 3, value };
  }
}

function eventIn(content: Buffer): ReadEvent {
  const event: ReadEvent = { wallTime: Number.NaN, step: 0, values: {} };
  for (const { number, value } of fieldsOf(content)) {
    if (number === 1) event.wallTime = (value as Buffer).readDoubleLE(0);
    else if (number === 2) event.step = Number(value);
    else if (number === 3) event.version = String(value);
    else if (number === 5) Object.assign(event.values, summaryIn(value as Buffer));
    else throw new Error(`field ${number} of an event`);
  }
  return event;
}

function summaryIn(content: Buffer): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { number, value } of fieldsOf(content)) {
    if (number !== 1) throw new Error(`field ${number} of a summary`);
    let tag = '';
    for (const part of fieldsOf(value as Buffer)) {
      if (part.number === 1) tag = String(part.value);
      else if (part.number === 2) values[tag] = (part.value as Buffer).readFloatLE(0);
      else throw new Error(`field ${part.number} of a value`);
    }
  }
  return values;
}
