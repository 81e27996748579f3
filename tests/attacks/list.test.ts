/** SPECs of attacks. */

import { expect, test } from 'vitest';
import { attacks, parseAttack } from '../../src/attacks/list.ts';
import { createBackend } from '../../src/backend/create-node.ts';

async function send(spec: string): Promise<number[]> {
  await using backend = await createBackend('reference');
  const honest = backend.matrix([Float32Array.of(1), Float32Array.of(3)]);
  const { value } = await parseAttack(spec).craft(honest, backend, { attackers: 1 });
  return [...(await backend.read(value))];
}

test('a spec makes the attack it names, with its options', async () => {
  expect(await send('sign-flip')).toEqual([-2]);
  expect(await send('sign-flip:scale=4')).toEqual([-8]);
  expect(await send('ipm:tau=0.5')).toEqual([-1]);
  expect(await send('mimic:client=1')).toEqual([3]);
  expect(await send('gaussian:mean=7,std-dev=0,seed=1')).toEqual([7]);
  expect(await send('inf')).toEqual([Infinity]);
  expect(await send('alie:tau=0')).toEqual([2]);
});

test('each attack in the list answers to its name', () => {
  const defence = async <T>(x: T): Promise<T> => x;
  for (const { name, parameters } of attacks) {
    const needed = Object.keys(parameters).filter((key) => parameters[key]!.required);
    const spec = name + needed.map((key) => `:${key}=1`).join(',');
    expect(parseAttack(spec, { defence }).name).toBe(name);
  }
});

test.each([
  ['none', 'no attack is called "none". There are: sign-flip, ipm'],
  ['ipm', 'ipm needs the option tau'],
  ['inf:tau=1', 'inf has no options, got "tau"'],
  ['gaussian:std-dev=-1', 'gaussian: stdDev must be at least 0, got -1'],
  ['mimic:client=-1', 'mimic: client must be at least 0, got -1'],
  ['alie+inf', 'an attack has one part'],
  ['optimised-ipm', 'optimised-ipm needs a defence'],
])('refuses %j', (spec, message) => {
  expect(() => parseAttack(spec)).toThrow(
    expect.objectContaining({ code: 'bad-spec', message: expect.stringContaining(message) }),
  );
});
