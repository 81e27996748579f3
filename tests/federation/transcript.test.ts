/** Bytes that are signed: nothing else has them. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTranscript, Transcript } from '../../src/federation/transcript.ts';
import { hex } from '../../src/secagg/suite.ts';

describe('a transcript', () => {
  test('is its label and fields, each behind its length', () => {
    const bytes = new Transcript('ab')
      .text('t', 'é')
      .integer('i', 258)
      .number('n', 1)
      .number('m', undefined)
      .end();
    expect(hex(bytes)).toBe(
      `${'02000000'}6162${'02000000'}c3a9${'08000000'}0201000000000000${'08000000'}000000000000f03f${'00000000'}`,
    );
  });

  test('differs wherever two lists of texts do', () => {
    const write = (texts: readonly string[]): string =>
      hex(texts.reduce((all, text) => all.text('t', text), new Transcript('x')).end());
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }),
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }),
        (a, b) => {
          expect(write(a) === write(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
        },
      ),
    );
    expect(write(['ab', 'c'])).not.toBe(write(['a', 'bc']));
  });

  test('is read back as it was written', () => {
    const kinds = fc.record({
      text: fc.string({ unit: 'binary' }),
      integer: fc.maxSafeNat(),
      number: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }),
      bytes: fc.uint8Array(),
    });
    fc.assert(
      fc.property(kinds, (fields) => {
        const { text, integer, number, bytes } = fields;
        const all = new Transcript('l')
          .text('t', text)
          .integer('i', integer)
          .number('n', number)
          .bytes('b', bytes)
          .end();
        const read = parseTranscript(all, 'l', (from) => ({
          text: from.text(),
          integer: from.integer(),
          number: from.number(),
          bytes: from.bytes(),
        }));
        expect(read).toEqual(fields);
        expect(parseTranscript(all, 'k', (from) => from.text())).toBeUndefined();
        expect(parseTranscript(all.subarray(1), 'l', (from) => from.text())).toBeUndefined();
      }),
    );
  });

  test('is none if it is cut short, has more, or holds what is no text and no number', () => {
    const one = (content: Uint8Array): Uint8Array => new Transcript('l').bytes('b', content).end();
    const text = one(Uint8Array.of(0xff));
    expect(parseTranscript(text, 'l', (from) => from.text())).toBeUndefined();
    expect(parseTranscript(one(new Uint8Array(7)), 'l', (from) => from.integer())).toBeUndefined();
    expect(
      parseTranscript(one(new Uint8Array(8).fill(255)), 'l', (from) => from.integer()),
    ).toBeUndefined();
    expect(
      parseTranscript(one(new Uint8Array(8).fill(255)), 'l', (from) => from.number()),
    ).toBeUndefined();
    expect(parseTranscript(text, 'l', () => 1)).toBeUndefined();
    for (let length = 0; length < text.length; length++) {
      expect(
        parseTranscript(text.subarray(0, length), 'l', (from) => from.bytes()),
      ).toBeUndefined();
    }
  });

  test('takes no half of a surrogate pair, no fraction, no infinity, no other length', () => {
    const transcript = new Transcript('l');
    expect(() => transcript.text('name', '\ud800')).toThrow(/name must be well-formed text/);
    expect(() => transcript.integer('count', 0.5)).toThrow(/count must be an integer, got 0.5/);
    expect(() => transcript.integer('count', -1)).toThrow(/count must be at least 0, got -1/);
    expect(() => transcript.number('norm', Number.POSITIVE_INFINITY)).toThrow(
      /norm must be a finite/,
    );
    expect(() => transcript.bytes('key', new Uint8Array(3), 32)).toThrow(/key must be 32 bytes/);
  });
});
