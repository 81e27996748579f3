import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemRandom } from '../../../src/secagg/crypto/system-random.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const unavailable = (message: RegExp): unknown =>
  expect.objectContaining({
    name: 'SecureError',
    code: 'unavailable',
    message: expect.stringMatching(message),
  });

describe('random bytes of the platform', () => {
  test('are of any length, beyond what the platform gives at one time', () => {
    const randomBytes = systemRandom();
    expect(randomBytes(0)).toHaveLength(0);
    const many = randomBytes(200_001);
    expect(many).toHaveLength(200_001);
    // Each of the four draws is random: 32 zeros at its end come once in 2^256 times.
    for (const end of [65_536, 131_072, 196_608, 200_001]) {
      expect(many.subarray(end - 32, end).some((byte) => byte !== 0)).toBe(true);
    }
  });

  test('are refused where there are none', () => {
    vi.stubGlobal('crypto', undefined);
    expect(() => systemRandom()).toThrow(unavailable(/getRandomValues/));
    vi.stubGlobal('crypto', {});
    expect(() => systemRandom()).toThrow(unavailable(/getRandomValues/));
  });

  test('are refused where they are zeros, or the same again', () => {
    expect(() => systemRandom(() => {})).toThrow(unavailable(/not random/));
    expect(() => systemRandom((bytes) => bytes.fill(7))).toThrow(unavailable(/not random/));
    let draws = 0;
    const late = (bytes: Uint8Array): unknown => (draws++ === 0 ? bytes.fill(1) : bytes);
    expect(() => systemRandom(late)).toThrow(unavailable(/not random/));
  });
});
