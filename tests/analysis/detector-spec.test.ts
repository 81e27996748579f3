import { describe, expect, test } from 'vitest';
import { detectors } from '../../src/analysis/detectors/list.ts';
import { parseDetectors } from '../../src/analysis/detectors/spec.ts';

const names = (spec: string, without?: string[]) =>
  parseDetectors(spec, without && { without }).detectors.map(({ name }) => name);

describe('the SPEC of detectors', () => {
  test('names all, some in the order of the list, or all with the article’s scores', () => {
    expect(names('all')).toEqual(detectors.map(({ name }) => name));
    expect(names('norm + neighbours')).toEqual(['neighbours', 'norm']);
    expect(parseDetectors('article')).toMatchObject({ article: true });
    expect(parseDetectors('all').article).toBe(false);
  });

  test('leaves out what has nothing to look at', () => {
    expect(names('all', ['root'])).not.toContain('root');
  });

  test.each([
    ['', /must start with a name/],
    ['neighbour', /no detector is called "neighbour"; did you mean neighbours\?/],
    ['norm+norm', /norm is named twice/],
    ['norm:f=2', /norm has no options/],
    ['norm+all', /all stands alone/],
    ['article+norm', /article stands alone/],
    ['root', /no detector is called "root"/],
  ])('refuses %j', (spec, message) => {
    expect(() => parseDetectors(spec, { without: ['root'] })).toThrow(message);
    expect(() => parseDetectors(spec, { without: ['root'] })).toThrow(
      expect.objectContaining({ code: 'bad-spec' }),
    );
  });
});
