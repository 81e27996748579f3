/** What privacy costs, in the small: the study's own promises. */

import { describe, expect, test } from 'vitest';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { namedAttack, namedRule } from '../../src/lab/named.ts';
import {
  fingerprintOf,
  halvedImages,
  type PrivateStudyOptions,
  studyPrivacy,
} from '../../src/lab/private-study.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import { reference } from '../support/apply.ts';

const random = streamOf(3, 'data');
const data = {
  source: 'drawn digits',
  train: halvedImages(drawDigits(400, random)),
  test: halvedImages(drawDigits(100, random)),
};

const small: PrivateStudyOptions = {
  data,
  population: 40,
  cohort: 20,
  attackers: 8,
  attack: namedAttack('sign-flip:scale=4'),
  rules: [namedRule('trimmed-mean:f=5')],
  rounds: 2,
  clipNorm: 1,
  epsilon: 8,
  delta: 1e-5,
  seed: 1,
  backend: reference,
};

describe('a study', () => {
  test('keeps its promise, says what noise was, and comes to the same models again', async () => {
    const rounds: string[] = [];
    const onRound = ({ noisy, round }: { noisy: boolean; round: number }) =>
      void rounds.push(`${noisy} ${round}`);
    const study = await studyPrivacy({ ...small, onRound });
    expect(rounds).toEqual(['false 1', 'false 2', 'true 1', 'true 2']);
    const [rule] = study.rules;
    expect(rule!.rule).toBe('trimmed-mean:f=5');
    expect(rule!.withNoise).toMatchObject({ rounds: 2 });
    expect(rule!.withNoise.epsilon).toBeLessThanOrEqual(8);
    expect(rule!.withNoise.epsilon).toBeGreaterThan(7.9);
    // z · 2C/(n − 2f), n = 20 and f = 5.
    expect(rule!.withNoise.deviation / (study.noiseMultiplier * 0.2)).toBeCloseTo(1, 5);
    // 8·8 inputs, 16 hidden, 10 outputs, and biases.
    expect(study.parameters).toBe(64 * 16 + 16 + 160 + 10);
    expect(rule!.withoutNoise.model).not.toBe(rule!.withNoise.model);
    expect(await studyPrivacy(small)).toEqual(study);
  });

  test('refuses rules without a bound, and promises that no noise keeps', async () => {
    const median = { ...small, rules: [namedRule('median')] };
    await expect(studyPrivacy(median)).rejects.toThrow('no bound on one unit’s influence');
    await expect(studyPrivacy({ ...small, cohort: 41 })).rejects.toThrow('cohort');
    await expect(studyPrivacy({ ...small, delta: 2 })).rejects.toThrow('delta');
  });
});

test('a halved image holds the means of squares of four pixels', () => {
  const inputs = Float32Array.from({ length: 16 }, (_, i) => i);
  const image = { inputs, labels: Uint8Array.of(0), size: 1, features: 16, classes: 10 };
  // (0 + 1 + 4 + 5) / 4, then two to the right, and so on.
  expect(Array.from(halvedImages(image).inputs)).toEqual([2.5, 4.5, 10.5, 12.5]);
  const odd = { ...image, inputs: inputs.subarray(0, 9), features: 9 };
  expect(() => halvedImages(odd)).toThrow('even side');
});

test('the fingerprint of a model is SHA-256 of its f32 in little-endian order', () => {
  // printf '\0\0\x80\x3f' | sha256sum
  expect(fingerprintOf(Float32Array.of(1))).toBe(
    'e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c',
  );
});
