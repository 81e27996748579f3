import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError, type FormatErrorCode } from '../../src/core/errors.ts';
import { type ByteSource, bytesSource } from '../../src/formats/byte-source.ts';
import { bitsOf, type Dtype, dtypes } from '../../src/formats/dtype.ts';
import {
  compareNames,
  MAX_HEADER_BYTES,
  planSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../src/formats/safetensors.ts';
import {
  bytesOf,
  contents,
  expectRefusal,
  f32,
  formatError,
  i64,
  open,
  type Spec,
  safetensorsBytes,
  sink,
  tensorFile,
} from './support.ts';

const read = (bytes: Uint8Array) => readSafetensorsHeader(bytesSource('update', bytes));

/** `"name":{…}` of a tensor, as the JSON of a header. */
function member(name: string, dtype: string, shape: unknown, offsets: unknown): string {
  const info = { dtype, shape, data_offsets: offsets };
  return `${JSON.stringify(name)}:${JSON.stringify(info)}`;
}

/**
 * What safetensors 0.8.0 (the reference implementation, for NumPy) wrote of an f32 matrix, an I64
 * scalar, f16, BOOL and an empty tensor.
 */
const referenceHeader =
  '{"__metadata__":{"format":"pt"},' +
  '"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
  '"empty":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},' +
  '"w":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},' +
  '"h":{"dtype":"F16","shape":[3],"data_offsets":[24,30]},' +
  '"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[30,33]}}  ';
const referenceData = Buffer.from(
  '07000000000000000000803f000020c00000003f00004040003c00c0ff7b010001',
  'hex',
);
const referenceFile = safetensorsBytes(referenceHeader, referenceData);
const referenceTensors: Record<string, Spec> = {
  'bn.num_batches_tracked': ['I64', [], i64(7)],
  empty: ['F32', [0, 3], new Uint8Array(0)],
  w: ['F32', [2, 2], f32(1, -2.5, 0.5, 3)],
  h: ['F16', [3], bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff))],
  mask: ['BOOL', [3], Uint8Array.of(1, 0, 1)],
};

describe('a file of the reference implementation', () => {
  it('is read tensor by tensor', async () => {
    const file = await open(bytesSource('reference', referenceFile));
    expect(file.header.metadata).toEqual(new Map([['format', 'pt']]));
    expect(await contents(file)).toEqual(referenceTensors);
  });

  it('is what our writer writes, byte by byte, whatever the order it is given', async () => {
    const { append, bytes } = sink();
    const reversed = Object.entries(referenceTensors).reverse();
    const tensors = reversed.map(([name, [dtype, shape, data]]) => ({
      name,
      dtype,
      shape,
      data: [data],
    }));
    await writeSafetensors(append, tensors, { metadata: new Map([['format', 'pt']]) });
    expect(bytes()).toEqual(referenceFile);
  });
});

describe('what is allowed', () => {
  it('a file without tensors', async () => {
    expect((await read(safetensorsBytes('{}', 0))).tensors.size).toBe(0);
  });

  it('data that is not aligned, and white space where JSON has it', async () => {
    const header = `{ "a" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]},\n\t${member('b', 'F32', [1], [1, 5])} }\r\n`;
    const { tensors } = await read(safetensorsBytes(header, 5));
    expect(tensors.get('b')).toMatchObject({ from: 8 + header.length + 1 });
  });

  it('members in an order other than that of the data; they are listed in that of the data', async () => {
    const header = `{${member('late', 'F32', [1], [4, 8])},${member('none', 'F32', [0], [4, 4])},${member('early', 'F32', [1], [0, 4])}}`;
    const { tensors } = await read(safetensorsBytes(header, 8));
    expect([...tensors.keys()]).toEqual(['early', 'none', 'late']);
  });

  it('names that JavaScript finds special, and escapes', async () => {
    const names = ['__proto__', 'constructor', 'toString', '', '0', 'a"b\\c', 'ключ', '\u{1f600}'];
    const list = names.map((name, i) => member(name, 'U8', [], [i, i + 1]));
    const { tensors } = await read(safetensorsBytes(`{${list.join(',')}}`, names.length));
    expect([...tensors.keys()]).toEqual(names);
    const escaped = '{"\\u0061\\n":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}';
    expect([...(await read(safetensorsBytes(escaped, 1))).tensors.keys()]).toEqual(['a\n']);
  });

  it('every element type, by its size', async () => {
    const list = dtypes.map((dtype, i) => {
      const offset = dtypes.slice(0, i).reduce((sum, d) => sum + bitsOf(d), 0);
      return member(dtype, dtype, [8], [offset, offset + bitsOf(dtype)]);
    });
    const size = dtypes.reduce((sum, d) => sum + bitsOf(d), 0);
    const { tensors } = await read(safetensorsBytes(`{${list.join(',')}}`, size));
    expect([...tensors.keys()]).toEqual(dtypes);
  });
});

describe('a hostile file is refused', () => {
  const good = member('w', 'F32', [2], [0, 8]);
  const header = (...members: string[]) => `{${members.join(',')}}`;
  const field = (text: string) => `{"w":{${text}}}`;
  const length = (value: bigint, rest: number) => {
    const bytes = new Uint8Array(8 + rest);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return bytes;
  };
  const utf8 = (...bytes: number[]) => safetensorsBytes(Uint8Array.from(bytes), 0);

  it.each<[string, Uint8Array, FormatErrorCode, string]>([
    ['an empty file', new Uint8Array(0), 'malformed', 'needs 8 bytes'],
    ['half a length', new Uint8Array(7), 'malformed', 'needs 8 bytes'],
    ['no header', new Uint8Array(8), 'malformed', "begin with '{'"],
    ['a header beyond the file', length(93n, 92), 'malformed', 'does not fit in the 92'],
    ['a header above the cap', length(BigInt(MAX_HEADER_BYTES) + 1n, 9), 'too-large', 'limit is'],
    ['a header length of 2^64 − 1', length(2n ** 64n - 1n, 9), 'too-large', 'limit is'],
    ['a header that is not UTF-8', utf8(0x7b, 0xff, 0x7d), 'malformed', 'UTF-8'],
    ['a byte order mark', utf8(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'malformed', "begin with '{'"],
    ['a leading space', safetensorsBytes(' {}', 0), 'malformed', "begin with '{'"],
    ['an array', safetensorsBytes('[]', 0), 'malformed', "begin with '{'"],
    ['a number', safetensorsBytes('3', 0), 'malformed', "begin with '{'"],
    ['half an object', safetensorsBytes('{', 0), 'malformed', 'needs a string'],
    ['a comma too many', safetensorsBytes(`{${good},}`, 8), 'malformed', 'needs a string'],
    ['two objects', safetensorsBytes('{}{}', 0), 'malformed', 'goes on after'],
    ['a NUL behind', safetensorsBytes('{}\0', 0), 'malformed', 'goes on after'],
    ['deep nesting', safetensorsBytes(`{"w":${'['.repeat(9999)}`, 0), 'malformed', "needs '{'"],
    ['a string without end', safetensorsBytes('{"w', 0), 'malformed', 'without end'],
    ['a backslash at the end', safetensorsBytes('{"w\\', 0), 'malformed', 'without end'],
    ['a bad escape', safetensorsBytes('{"\\x":1}', 0), 'malformed', 'bad escape'],
    ['a raw line break', safetensorsBytes('{"a\nb":1}', 0), 'malformed', 'bad escape'],
    ['half a surrogate pair', safetensorsBytes('{"\\ud800":1}', 0), 'malformed', 'bad escape'],
    ['a name twice', safetensorsBytes(header(good, good), 8), 'malformed', '"w" twice'],
    [
      'a name twice, once escaped',
      safetensorsBytes(header(good, good.replace('"w"', '"\\u0077"')), 8),
      'malformed',
      '"w" twice',
    ],
    [
      '__proto__ twice',
      safetensorsBytes(
        header(member('__proto__', 'U8', [1], [0, 1]), member('__proto__', 'U8', [1], [0, 1])),
        1,
      ),
      'malformed',
      '"__proto__" twice',
    ],
    [
      'a field twice',
      safetensorsBytes(field('"dtype":"F32","dtype":"F32"'), 8),
      'malformed',
      '"dtype" twice',
    ],
    [
      'metadata twice',
      safetensorsBytes('{"__metadata__":{},"__metadata__":{}}', 0),
      'malformed',
      'twice',
    ],
    [
      'metadata of a number',
      safetensorsBytes('{"__metadata__":{"a":1}}', 0),
      'malformed',
      'needs a string',
    ],
    [
      'metadata that is null',
      safetensorsBytes('{"__metadata__":null}', 0),
      'malformed',
      "needs '{'",
    ],
    [
      'metadata key twice',
      safetensorsBytes('{"__metadata__":{"a":"","a":""}}', 0),
      'malformed',
      '"a" twice',
    ],
    ['a tensor of null', safetensorsBytes('{"w":null}', 0), 'malformed', "needs '{'"],
    [
      'an unknown field',
      safetensorsBytes(field('"strides":[1]'), 8),
      'malformed',
      '"strides" in tensor "w"',
    ],
    [
      'no shape',
      safetensorsBytes(field('"dtype":"F32","data_offsets":[0,8]'), 8),
      'malformed',
      'no shape for tensor "w"',
    ],
    [
      'an unknown type',
      safetensorsBytes(header(member('w', 'F31', [2], [0, 8])), 8),
      'unsupported',
      '"F31"',
    ],
    [
      'a type off the prototype',
      safetensorsBytes(header(member('w', 'toString', [2], [0, 8])), 8),
      'unsupported',
      '"toString"',
    ],
    [
      'a type that is no string',
      safetensorsBytes(field('"dtype":32'), 8),
      'malformed',
      'needs a string',
    ],
    [
      'a negative size',
      safetensorsBytes(header(member('w', 'F32', [-2], [0, 8])), 8),
      'malformed',
      'non-negative',
    ],
    [
      'a fractional size',
      safetensorsBytes(header(member('w', 'F32', [1.5], [0, 8])), 8),
      'malformed',
      'non-negative',
    ],
    ['a size in powers', safetensorsBytes(field('"shape":[1e0]'), 8), 'malformed', 'non-negative'],
    ['a leading zero', safetensorsBytes(field('"shape":[02]'), 8), 'malformed', 'leading zero'],
    [
      'a size that is a string',
      safetensorsBytes(field('"shape":["2"]'), 8),
      'malformed',
      'non-negative',
    ],
    ['a shape that is a number', safetensorsBytes(field('"shape":2'), 8), 'malformed', "needs '['"],
    [
      'a size beyond 2^53',
      safetensorsBytes(field('"shape":[9007199254740992]'), 8),
      'too-large',
      'beyond 2^53',
    ],
    [
      'a size of many digits',
      safetensorsBytes(field(`"shape":[${'9'.repeat(400)}]`), 8),
      'too-large',
      'beyond 2^53',
    ],
    [
      'a product beyond 2^53',
      safetensorsBytes(header(member('w', 'F32', [2 ** 27, 2 ** 27], [0, 8])), 8),
      'too-large',
      '2^53 entries',
    ],
    // 2^32 · 2^32 is 0 in 64 bits: the overflow that would match an empty range.
    [
      'a product that wraps to 0',
      safetensorsBytes(header(member('w', 'F32', [2 ** 32, 2 ** 32], [0, 0])), 0),
      'too-large',
      '2^53 entries',
    ],
    [
      'an absurd shape with a 0',
      safetensorsBytes(header(member('w', 'F32', [2 ** 40, 2 ** 40, 0], [0, 0])), 0),
      'too-large',
      '2^53 entries',
    ],
    [
      'half a byte',
      safetensorsBytes(header(member('w', 'F4', [3], [0, 1])), 1),
      'too-large',
      'whole number of bytes',
    ],
    [
      'too few bytes for the shape',
      safetensorsBytes(header(member('w', 'F32', [3], [0, 8])), 8),
      'malformed',
      'F32 [3], needs 12 bytes, has 8',
    ],
    [
      'a scalar without bytes',
      safetensorsBytes(header(member('w', 'F32', [], [0, 0])), 0),
      'malformed',
      'needs 4 bytes, has 0',
    ],
    [
      'one offset',
      safetensorsBytes(header(member('w', 'F32', [2], [8])), 8),
      'malformed',
      'needs 2 offsets, has 1',
    ],
    [
      'three offsets',
      safetensorsBytes(header(member('w', 'F32', [2], [0, 8, 8])), 8),
      'malformed',
      'needs 2 offsets, has 3',
    ],
    [
      'offsets backwards',
      safetensorsBytes(header(member('w', 'F32', [2], [8, 0])), 8),
      'malformed',
      'before it begins',
    ],
    ['an end out of bounds', safetensorsBytes(header(good), 7), 'malformed', 'out of bounds'],
    [
      'overlap',
      safetensorsBytes(header(good, member('v', 'F32', [2], [4, 12])), 12),
      'malformed',
      'overlaps tensor "w" by 4',
    ],
    [
      'two tensors in one place',
      safetensorsBytes(header(good, member('v', 'F32', [2], [0, 8])), 8),
      'malformed',
      'overlaps',
    ],
    [
      'a hole',
      safetensorsBytes(header(good, member('v', 'U8', [1], [9, 10])), 10),
      'malformed',
      'hole of 1 bytes before tensor "v"',
    ],
    [
      'a hole in front',
      safetensorsBytes(header(member('v', 'U8', [1], [1, 2])), 2),
      'malformed',
      'hole of 1 bytes',
    ],
    [
      'an empty tensor amid another',
      safetensorsBytes(header(good, member('v', 'U8', [0], [4, 4])), 8),
      'malformed',
      'overlaps',
    ],
    ['trailing bytes', safetensorsBytes(header(good), 9), 'malformed', '1 bytes after the last'],
    ['data without tensors', safetensorsBytes('{}', 1), 'malformed', '1 bytes after the last'],
  ])('%s', async (_, bytes, code, words) => {
    await expectRefusal(read(bytes), code, words);
  });

  it('names the file', async () => {
    expect((await formatError(read(new Uint8Array(3)))).message).toMatch(/^update: /);
  });

  it('names in messages are short and cannot steer a terminal', async () => {
    const name = `\u001b[2J\u202e${'x'.repeat(100_000)}`;
    const error = await formatError(
      read(safetensorsBytes(`{${member(name, 'F31', [], [0, 0])}}`, 0)),
    );
    expect(error.message.length).toBeLessThan(200);
    expect(error.message).not.toMatch(/\p{C}/u);
  });

  it('a name of many megabytes neither exhausts the stack nor time', async () => {
    const name = 'x'.repeat(8_000_000);
    const { tensors } = await read(safetensorsBytes(`{${member(name, 'U8', [], [0, 1])}}`, 1));
    expect(tensors.has(name)).toBe(true);
    const blanks = `{${' '.repeat(8_000_000)}`;
    await expectRefusal(read(safetensorsBytes(blanks, 0)), 'malformed', 'needs a string');
  });

  it('before anything but its length is read, if the header cannot be', async () => {
    const ranges: [number, number][] = [];
    const claimed = 50_000_000n;
    const source: ByteSource = {
      name: 'greedy',
      size: 1000,
      read: async (from, to) => {
        ranges.push([from, to]);
        const bytes = new Uint8Array(to - from);
        new DataView(bytes.buffer).setBigUint64(0, claimed, true);
        return bytes;
      },
    };
    await expectRefusal(readSafetensorsHeader(source), 'malformed', 'does not fit');
    expect(ranges).toEqual([[0, 8]]);
  });

  it('and whatever bytes change in a good file, it is read or refused, with no more than the header taken', async () => {
    const edit = fc.tuple(fc.nat(referenceFile.length - 1), fc.nat(255));
    const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(referenceFile.length), async (changes, cut) => {
        const bytes = referenceFile.slice(0, cut % 4 === 0 ? cut : undefined);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        let taken = 0;
        const source = bytesSource('fuzz', bytes);
        const counted: ByteSource = {
          ...source,
          read: (from, to) => {
            taken += to - from;
            return source.read(from, to);
          },
        };
        try {
          const { tensors } = await readSafetensorsHeader(counted);
          for (const { from, to } of tensors.values()) {
            expect(from >= 8 && from <= to && to <= bytes.length).toBe(true);
          }
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
        expect(taken).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

describe('the writer', () => {
  const names = fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .filter((name) => name !== '__metadata__');
  const spec = fc
    .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(3), { maxLength: 3 }), fc.nat(255))
    .map(([dtype, shape, fill]): Spec => {
      // Whole bytes for the types of 4 and 6 bits.
      const sizes = bitsOf(dtype) < 8 ? [...shape, 4] : shape;
      const count = sizes.reduce((product, size) => product * size, 1);
      return [dtype, sizes, new Uint8Array((count * bitsOf(dtype)) / 8).fill(fill)];
    });

  it('writes what the reader reads, each tensor aligned to its elements', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(names, spec), { selector: ([name]) => name, maxLength: 6 }),
        fc.uniqueArray(fc.tuple(fc.string(), fc.string()), {
          selector: ([key]) => key,
          maxLength: 3,
        }),
        async (tensors, metadata) => {
          const { append, bytes } = sink();
          const list = tensors.map(([name, [dtype, shape, data]]) => ({
            name,
            dtype,
            shape,
            data: [data],
          }));
          await writeSafetensors(append, list, { metadata: new Map(metadata) });
          const file = await open(bytesSource('round', bytes()));
          expect(file.header.metadata).toEqual(new Map(metadata));
          expect(file.header.tensors.size).toBe(tensors.length);
          for (const [name, [dtype, shape, data]] of tensors) {
            const found = file.header.tensors.get(name)!;
            expect(found).toMatchObject({ dtype, shape });
            expect(await file.source.read(found.from, found.to)).toEqual(data);
            if (bitsOf(dtype) >= 8) expect((found.from * 8) % bitsOf(dtype)).toBe(0);
          }
        },
      ),
      { numRuns: 300, seed: 11 },
    );
  });

  it('takes data in pieces, also asynchronous ones, and holds it to the shape', async () => {
    async function* pieces(...sizes: number[]) {
      for (const size of sizes) yield new Uint8Array(size);
    }
    const write = (...sizes: number[]) =>
      writeSafetensors(sink().append, [
        { name: 'w', dtype: 'F32', shape: [3], data: pieces(...sizes) },
      ]);
    await write(1, 10, 0, 1);
    await expectRefusal(write(8), 'mismatch', 'needs 12 bytes of data, 8 came');
    await expectRefusal(write(8, 8), 'mismatch', 'needs 12 bytes of data, more came');
  });

  it('pads its header with spaces to a multiple of 8', () => {
    for (let n = 0; n < 9; n++) {
      const { head } = planSafetensors([{ name: 'x'.repeat(n), dtype: 'U8', shape: [] }]);
      expect(head.length % 8).toBe(0);
      expect(new TextDecoder().decode(head.subarray(8))).toMatch(/^\{.*\} {0,7}$/);
    }
  });

  it.each([
    ['a reserved name', ['__metadata__'], 'reserved'],
    ['a name twice', ['a', 'a'], 'two tensors named "a"'],
    ['half a surrogate pair', ['\ud83d'], 'not Unicode'],
  ])('refuses %s', (_, list, words) => {
    const infos = list.map((name) => ({ name, dtype: 'U8' as Dtype, shape: [] }));
    expect(() => planSafetensors(infos)).toThrow(words);
  });

  it('orders names as their UTF-8 bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareNames(a, b))).toBe(expected);
      }),
      { seed: 3 },
    );
    expect(compareNames('\u{1f600}', '\uffff')).toBeGreaterThan(0);
    expect(compareNames('\u{1f600}a', '\u{1f600}b')).toBeLessThan(0);
  });
});

it('tensorFile of the tests reads back what it was given', async () => {
  expect(await contents(await tensorFile('t', { a: ['F32', [2], f32(1, 2)] }))).toEqual({
    a: ['F32', [2], f32(1, 2)],
  });
});
