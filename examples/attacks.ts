/**
 * Attacks against rules: how far from the honest mean does each rule end, in units of the honest
 * clients' own spread?
 *
 *     npx tsx examples/attacks.ts
 *
 * @module
 */

import { createBackend, parseAttack, parseRule, rowsSent } from '../src/index.ts';

const [honestCount, f, cols] = [16, 4, 10_000];
const specs = ['mean', 'median', `krum:f=${f}`, `nnm:f=${f}+trimmed-mean:f=${f}`];

let state = 7;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return state / 2 ** 31;
};
const honest = Array.from({ length: honestCount }, () =>
  Float32Array.from({ length: cols }, (_, j) => Math.sin(j) / 10 + random()),
);

await using backend = await createBackend('auto');
const x = backend.matrix(honest);
const center = backend.combine([new Array<number>(honestCount).fill(1 / honestCount)], x);
const spread = Math.sqrt((await backend.squaredNorms(backend.deviation(x)))[0]!);

for (const attack of ['sign-flip:scale=10', 'ipm:tau=2', 'alie:tau=1.5', 'mimic']) {
  const context = { attackers: f };
  const sent = rowsSent(await parseAttack(attack).craft(x, backend, context), backend, context);
  for (const spec of specs) {
    const { value } = await parseRule(spec).apply(backend.stack(x, sent), backend, {});
    const { squaredDistances } = await backend.pairs(backend.stack(center, value));
    const away = Math.sqrt(squaredDistances[1]!) / spread;
    console.log(`${attack.padEnd(20)} ${spec.padEnd(26)} ${away.toFixed(3)}`);
  }
}
