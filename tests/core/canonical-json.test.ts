import { expect, test } from 'vitest';
import { canonicalJson, type Json } from '../../src/core/canonical-json.ts';

test('keys are in order, at every depth, and nothing is between them', () => {
  expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'x', é: 2 })).toBe(
    '{"a":"x","b":[1,{"c":true,"d":null}],"é":2}',
  );
});

test('numbers are as in RFC 8785, appendix B', () => {
  const values = [0, -0, 5e-324, 1.7976931348623157e308, 9007199254740992, 1e21, 333333333.3333332];
  expect(canonicalJson(values)).toBe(
    '[0,0,5e-324,1.7976931348623157e+308,9007199254740992,1e+21,333333333.3333332]',
  );
});

test('fields that are undefined are left out', () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

test.each([
  [{ a: { b: Number.NaN } }, '$.a.b'],
  [[1, Number.POSITIVE_INFINITY], '$[1]'],
  [{ key: new Uint8Array(32) }, '$.key'],
  [{ at: new Date(0) }, '$.at'],
  [[undefined], '$[0]'],
  ['\ud800', '$'],
  [1n, '$'],
])('what JSON cannot hold is refused by its place', (value, place) => {
  expect(() => canonicalJson(value as unknown as Json)).toThrow(TypeError);
  expect(() => canonicalJson(value as unknown as Json)).toThrow(`${place} must be a JSON value`);
});
