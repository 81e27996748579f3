import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { itShared, shared } from './shared.ts';

describe('shared material', () => {
  it('has no place where it is missing', () => {
    expect(shared('no/such/file')).toBeUndefined();
  });

  itShared('is handed to the test by path, in order', ['golden', 'data'], ([golden, data]) => {
    expect(existsSync(golden) && golden.endsWith('golden')).toBe(true);
    expect(existsSync(data) && data.endsWith('data')).toBe(true);
  });
});
