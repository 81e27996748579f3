import { describe, expect, test } from 'vitest';
import { untar } from '../../../src/backend/webgpu/untar.ts';

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly type?: string;
  readonly size?: string;
  readonly prefix?: string;
}

/** One tar entry, written field by field from POSIX.1-1988. */
function entry({ name, content = '', type = '0', size, prefix = '' }: Entry): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(size ?? `${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  padded.write(content);
  return Buffer.concat([header, padded]);
}

function archive(...entries: Entry[]): Buffer {
  return Buffer.concat([...entries.map(entry), Buffer.alloc(1024)]);
}

describe('untar', () => {
  test('gives files by name, with the prefix of a long path, and skips folders', () => {
    const files = untar(
      archive(
        { name: 'lib/', type: '5' },
        { name: 'lib/a.so', content: 'alpha' },
        { name: 'b', content: 'x'.repeat(513), prefix: 'deep/er' },
        { name: 'empty' },
      ),
    );
    const lengths = [...files].map(([name, bytes]) => [name, bytes.length]);
    expect(lengths).toEqual([
      ['lib/a.so', 5],
      ['deep/er/b', 513],
      ['empty', 0],
    ]);
    expect(new TextDecoder().decode(files.get('lib/a.so'))).toBe('alpha');
  });

  test.each(['/etc/passwd', '../up', 'a/../../up', 'a//b', './a', 'a\\b', 'C:a'])(
    'refuses the name %s',
    (name) => {
      expect(() => untar(archive({ name }))).toThrow(/is not admitted/);
    },
  );

  test.each([
    ['a symbolic link', { name: 'a', type: '2' }, /type "2"/],
    ['a hard link', { name: 'a', type: '1' }, /type "1"/],
    ['a device', { name: 'a', type: '3' }, /type "3"/],
    ['a size that is no octal number', { name: 'a', size: '12x\0' }, /not an octal number/],
    ['a binary size', { name: 'a', size: '\u0001\0\0\0\0\0\0\0\0\0\0\0' }, /not an octal number/],
    ['a size beyond the end', { name: 'a', size: '77777777777\0' }, /cut short/],
  ])('refuses %s', (_, bad, message) => {
    expect(() => untar(archive(bad))).toThrow(message);
  });

  test('refuses two files of one name', () => {
    expect(() => untar(archive({ name: 'a' }, { name: 'a' }))).toThrow(/occurs twice/);
  });

  test('refuses a header with any byte changed', () => {
    const good = archive({ name: 'a', content: 'b' });
    for (const at of [0, 124, 156, 400]) {
      const bad = Buffer.from(good);
      bad[at]! += 1;
      expect(() => untar(bad), `byte ${at}`).toThrow(/checksum/);
    }
  });

  test('refuses an archive that ends without its end mark, and one that is no tar', () => {
    expect(() => untar(entry({ name: 'a', content: 'b' }))).toThrow(/end of the archive/);
    expect(() => untar(Buffer.alloc(1024, 1))).toThrow(/no ustar header/);
    expect(() => untar(new Uint8Array())).toThrow(/end of the archive/);
  });
});
