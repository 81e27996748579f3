import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError, type FormatErrorCode } from '../../src/core/errors.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { npyHead, readNpyHeader, writeNpy } from '../../src/formats/npy.ts';
import { npyRows } from '../../src/formats/rows.ts';
import { bytesOf, expectRefusal, f32, npyBytes, readRow, sink } from './support.ts';

const read = (bytes: Uint8Array) => readNpyHeader(bytesSource('array', bytes));
const rowsOf = async (bytes: Uint8Array) => {
  const rows = await npyRows(bytesSource('array', bytes));
  return Promise.all(rows.map((row) => readRow(row)));
};

/** The header NumPy 2.4 writes, padded so that the array begins at byte `start`. */
function numpyHeader(dict: string, start: number, prefix = 10): string {
  return `${dict.padEnd(start - prefix - 1)}\n`;
}

/** Arrays as NumPy 2.4 saved them. */
const saved = {
  f4: npyBytes(
    numpyHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 128),
    Buffer.from('0000803f000020c000004040cdcccc3d0000807f00000080', 'hex'),
  ),
  f2: npyBytes(
    numpyHeader("{'descr': '<f2', 'fortran_order': False, 'shape': (5,), }", 128),
    Buffer.from('003c00c00038ff7b0100', 'hex'),
  ),
  f8: npyBytes(
    numpyHeader("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }", 128),
    Buffer.from('9a9999999999b93f9c7500883ce4377e1fb8d44a7aee8db5', 'hex'),
  ),
  v2: npyBytes(
    numpyHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }", 128, 12),
    Buffer.from('0000803f000020c000004040', 'hex'),
    [2, 0],
  ),
  v3: npyBytes(
    numpyHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }", 128, 12),
    Buffer.from('0000803f000020c000004040', 'hex'),
    [3, 0],
  ),
};

describe('arrays that NumPy saved', () => {
  it('n×d of f4 is n rows', async () => {
    expect(await rowsOf(saved.f4)).toEqual([
      [1, -2.5, 3],
      [Math.fround(0.1), Infinity, -0],
    ]);
  });

  it('a vector of f2 is one row', async () => {
    expect(await rowsOf(saved.f2)).toEqual([[1, -2, 0.5, 65504, 2 ** -24]]);
  });

  it('f8 is rounded to f32', async () => {
    expect(await rowsOf(saved.f8)).toEqual([[Math.fround(0.1)], [Infinity], [-0]]);
  });

  it.each([saved.v2, saved.v3])('versions 2 and 3 have a longer length field', async (bytes) => {
    expect(await rowsOf(bytes)).toEqual([[1, -2.5, 3]]);
  });
});

describe('headers that others write', () => {
  it.each([
    "{'shape':(2,),'fortran_order':False,'descr':'<f4'}",
    '{"descr": "<f4", "fortran_order": False, "shape": (2,)}',
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }\n",
    " {'descr' : '<f4',\n 'fortran_order' : False , 'shape' : ( 2 , ) } ",
  ])('%j', async (header) => {
    expect(await rowsOf(npyBytes(header, f32(1, 2)))).toEqual([[1, 2]]);
  });
});

describe('rows', () => {
  it('are read by range, also at once', async () => {
    const source = bytesSource('array', saved.f4);
    const [first, second] = await npyRows(source);
    const parts = await Promise.all([readRow(second!, 1, 2), readRow(first!, 2, 3)]);
    expect(parts).toEqual([[Infinity], [3]]);
  });

  it.each<[string, string, number, FormatErrorCode, string]>([
    ['a scalar', '()', 4, 'unsupported', '0 dimensions'],
    ['three dimensions', '(1, 1, 1)', 4, 'unsupported', '3 dimensions'],
    ['rows without entries', '(7, 0)', 0, 'unsupported', 'without entries'],
    ['a vector without entries', '(0,)', 0, 'unsupported', 'without entries'],
    ['more rows than anyone has', '(2000000, 1)', 8_000_000, 'too-large', 'limit is 1048576'],
  ])('of %s are refused', async (_, shape, size, code, words) => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
    const source = bytesSource('array', npyBytes(header, new Uint8Array(size)));
    await expectRefusal(npyRows(source), code, words);
  });

  it('of an array without rows are none', async () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }";
    expect(await rowsOf(npyBytes(header, f32()))).toEqual([]);
  });
});

describe('a hostile file is refused', () => {
  const dict = (descr: string, order: string, shape: string) =>
    npyBytes(`{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`, f32(1));
  const text = (header: string) => npyBytes(header, f32(1));
  const patched = (at: number, value: number) => {
    const bytes = saved.f4.slice();
    bytes[at] = value;
    return bytes;
  };
  const huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".padEnd(70_000);

  it.each<[string, Uint8Array, FormatErrorCode, string]>([
    ['an empty file', new Uint8Array(0), 'malformed', 'magic'],
    ['another magic', patched(1, 0x6e), 'malformed', 'magic'],
    ['half a prefix', saved.f4.slice(0, 7), 'malformed', 'magic'],
    ['version 4', patched(6, 4), 'unsupported', 'version 4.0'],
    ['version 1.1', patched(7, 1), 'unsupported', 'version 1.1'],
    ['no header length', saved.f4.slice(0, 9), 'malformed', 'ends before its header'],
    ['a header beyond the file', patched(9, 0xff), 'malformed', 'does not fit'],
    ['a header above the cap', npyBytes(huge, f32(1), [2, 0]), 'too-large', 'limit is 65535'],
    ['bytes beyond ASCII', patched(40, 0xe9), 'malformed', 'ASCII'],
    ['an array cut short', saved.f4.slice(0, -1), 'malformed', 'needs 24 bytes, file has 23'],
    [
      'trailing bytes',
      npyBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", f32(1, 2)),
      'malformed',
      '4 bytes after',
    ],
    ['an expression', text("__import__('os')"), 'malformed', "needs '{'"],
    ['no dictionary', text("['descr']"), 'malformed', "needs '{'"],
    ['a dictionary without end', text("{'descr': '<f4'"), 'malformed', "needs '}'"],
    [
      'something behind',
      text("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1"),
      'malformed',
      'goes on after',
    ],
    ['a missing key', text("{'descr': '<f4', 'shape': (1,), }"), 'malformed', 'lacks'],
    ['an unknown key', text("{'descr': '<f4', 'order': False, }"), 'malformed', '"order"'],
    ['a key twice', text("{'descr': '<f4', 'descr': '<f4', }"), 'malformed', '"descr" twice'],
    ['an order that is a number', dict("'<f4'", '0', '(1,)'), 'malformed', 'True or False'],
    ['a shape that is a number', dict("'<f4'", 'False', '(1)'), 'malformed', 'tuple'],
    ['a shape that is a list', dict("'<f4'", 'False', '[1]'), 'malformed', "needs '('"],
    ['a negative size', dict("'<f4'", 'False', '(-1,)'), 'malformed', 'non-negative'],
    ['a fractional size', dict("'<f4'", 'False', '(1.0,)'), 'malformed', "needs ')'"],
    [
      'a size of many digits',
      dict("'<f4'", 'False', `(${'9'.repeat(400)},)`),
      'malformed',
      "needs ')'",
    ],
    ['a size beyond 2^53', dict("'<f4'", 'False', '(9999999999999999,)'), 'too-large', '2^50'],
    [
      'a product that wraps',
      dict("'<f4'", 'False', '(4294967296, 4294967296)'),
      'too-large',
      '2^50',
    ],
    ['a descr with an escape', dict("'\\x3cf4'", 'False', '(1,)'), 'malformed', 'needs a string'],
    [
      'big-endian numbers',
      dict("'>f4'", 'False', '(1,)'),
      'unsupported',
      '">f4"; what is read: <f2, <f4, <f8',
    ],
    ['integers', dict("'<i8'", 'False', '(1,)'), 'unsupported', '"<i8"'],
    ['pickled objects', dict("'|O'", 'False', '(1,)'), 'unsupported', '"|O"'],
    ['records', dict("[('a', '<f4')]", 'False', '(1,)'), 'unsupported', 'records'],
    ['Fortran order', dict("'<f4'", 'True', '(1, 1)'), 'unsupported', 'Fortran order'],
  ])('%s', async (_, bytes, code, words) => {
    await expectRefusal(read(bytes), code, words);
  });

  it('and whatever bytes change in a good file, it is read or refused', async () => {
    const edits = fc.array(fc.tuple(fc.nat(saved.f4.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const bytes = saved.f4.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          for (const row of await npyRows(bytesSource('fuzz', bytes))) await readRow(row);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 3000, seed: 5 },
    );
  });
});

describe('the writer', () => {
  it('writes what NumPy writes', () => {
    const head = npyHead([2, 3]);
    // NumPy leaves room for the shape to grow; the words are the same.
    const words = new TextDecoder('latin1').decode(head.subarray(10)).trimEnd();
    expect(words).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    expect([head.length % 64, head.at(-1)]).toEqual([0, 0x0a]);
  });

  it('writes what the reader reads', async () => {
    const value = fc.float({ noDefaultInfinity: false });
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1 }), async (values) => {
        const data = Float32Array.from(values);
        const { append, bytes } = sink();
        const half = data.length >> 1;
        await writeNpy(append, {
          shape: [data.length],
          data: [data.subarray(0, half), data.subarray(half)],
        });
        expect(bytes().subarray(-data.byteLength)).toEqual(bytesOf(data));
        expect(await rowsOf(bytes())).toEqual([[...data]]);
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('holds the data to the shape', async () => {
    const write = writeNpy(sink().append, { shape: [2, 2], data: [new Float32Array(3)] });
    await expectRefusal(write, 'mismatch', 'needs 4 entries, got 3');
    expect(() => npyHead([-1])).toThrow(RangeError);
    expect(() => npyHead([0.5])).toThrow(TypeError);
  });
});
