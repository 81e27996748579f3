/** Server optimisers on numbers worked by hand, which tell each from its neighbours and from mistakes. */

import { describe, expect, it } from 'vitest';
import { fedAdagrad } from '../../../src/federation/optimizers/fed-adagrad.ts';
import { fedAdam } from '../../../src/federation/optimizers/fed-adam.ts';
import { fedAvg } from '../../../src/federation/optimizers/fed-avg.ts';
import { fedAvgM } from '../../../src/federation/optimizers/fed-avg-m.ts';
import { fedNova } from '../../../src/federation/optimizers/fed-nova.ts';
import { fedYogi } from '../../../src/federation/optimizers/fed-yogi.ts';
import { qFedAvg } from '../../../src/federation/optimizers/q-fed-avg.ts';
import { scaffold } from '../../../src/federation/optimizers/scaffold.ts';
import {
  controlChange,
  correctGradient,
} from '../../../src/federation/optimizers/scaffold-client.ts';
import { models, type Trace, trace } from './support.ts';

/** Rounding of a number below 16 to f32 moves it by at most 2⁻²¹; states are rounded before. */
const DIGITS = 6;

function near(values: readonly number[]): unknown[] {
  return values.map((value) => expect.closeTo(value, DIGITS));
}

const twoSteps = (optimizer: Parameters<typeof trace>[0]): Promise<Trace[]> =>
  trace(optimizer, { model: [10], deltas: [[4], [-2]] });

describe('FedAvg and FedAvgM', () => {
  it('FedAvg adds η times the aggregate', async () => {
    expect(models(await twoSteps(fedAvg()))).toEqual([14, 12]);
    expect(models(await twoSteps(fedAvg({ eta: 0.5 })))).toEqual([12, 11]);
  });

  it('FedAvgM goes on with a share of its last step', async () => {
    // m: 4, then 0.75·4 − 2 = 1.
    const steps = await twoSteps(fedAvgM({ eta: 0.5, momentum: 0.75 }));
    expect(models(steps)).toEqual([12, 12.5]);
    expect(steps.map(({ state }) => state)).toEqual([{ momentum: [4] }, { momentum: [1] }]);
  });

  it('FedAvgM has a momentum of 0.9 unless told otherwise, and without any it is FedAvg', async () => {
    expect((await twoSteps(fedAvgM()))[1]!.state).toEqual({ momentum: near([0.9 * 4 - 2]) });
    expect(models(await twoSteps(fedAvgM({ momentum: 0 })))).toEqual([14, 12]);
  });
});

describe('the adaptive optimisers', () => {
  // η = 1, τ = 1, β₁ = β₂ = 1/2, so that v starts at 1.
  const options = { eta: 1, tau: 1, beta1: 0.5, beta2: 0.5 };

  it('FedAdagrad adds up squares', async () => {
    // v: 1 + 16 = 17, then 17 + 4 = 21.
    const steps = await twoSteps(fedAdagrad({ eta: 1, tau: 1 }));
    const first = 10 + 4 / (Math.sqrt(17) + 1);
    expect(models(steps)).toEqual(near([first, first - 2 / (Math.sqrt(21) + 1)]));
    expect(steps[1]!.state).toEqual({ momentum: [-2], 'second-moment': [21] });
  });

  it('FedAdam averages squares, and corrects nothing', async () => {
    // m: 2, then 1 − 1 = 0. v: ½ + 8 = 8½, then 4¼ + 2 = 6¼.
    const steps = await twoSteps(fedAdam(options));
    const first = 10 + 2 / (Math.sqrt(8.5) + 1);
    expect(models(steps)).toEqual(near([first, first]));
    expect(steps.map(({ state }) => state)).toEqual([
      { momentum: [2], 'second-moment': [8.5] },
      { momentum: [0], 'second-moment': [6.25] },
    ]);
  });

  it('FedYogi moves the second moment by a share of the square, towards it', async () => {
    // v: 1 < 16, so 1 + 8 = 9; then 9 > 4, so 9 − 2 = 7.
    const steps = await twoSteps(fedYogi(options));
    expect(models(steps)).toEqual(near([10 + 2 / (3 + 1), 10.5]));
    expect(steps.map(({ state }) => state['second-moment'])).toEqual([[9], [7]]);
  });

  it('FedYogi is not Adam’s average with a sign, which a peer made of it', async () => {
    // That one multiplies v by β₂ as well: ½ + 8, then 4¼ − 2.
    const steps = await twoSteps(fedYogi(options));
    expect(steps[0]!.state['second-moment']).not.toEqual([8.5]);
    expect(steps[1]!.state['second-moment']).not.toEqual([2.25]);
  });

  it('FedYogi stays where the second moment is the square', async () => {
    const [step] = await trace(fedYogi(options), { model: [0], deltas: [[-1]] });
    expect(step!.state['second-moment']).toEqual([1]);
  });

  it('start the second moment at τ², or at 0 as in Flower', async () => {
    const still = { model: [0], deltas: [[0]] };
    for (const make of [fedAdagrad, fedYogi]) {
      const [paper] = await trace(make({ eta: 1, tau: 0.25 }), still);
      expect(paper!.state['second-moment']).toEqual([0.0625]);
      const [flower] = await trace(make({ eta: 1, tau: 0.25, preset: 'flower' }), still);
      expect(flower!.state['second-moment']).toEqual([0]);
    }
  });

  it('FedAdam in the preset of Flower corrects by one power more than Adam', async () => {
    // From v = 0: m = 2, v = 8; powers of 2, so √(1 − ¼) / (1 − ¼). Adam itself would take √½ / ½.
    const [step] = await trace(fedAdam({ ...options, preset: 'flower' }), {
      model: [0],
      deltas: [[4]],
    });
    const uncorrected = 2 / (Math.sqrt(8) + 1);
    expect(step!.model).toEqual(near([(uncorrected * Math.sqrt(0.75)) / 0.75]));
    expect(step!.model).not.toEqual(near([(uncorrected * Math.sqrt(0.5)) / 0.5]));
    // Without a correction in the paper’s preset, whose v is ½ + 8.
    const [paper] = await trace(fedAdam(options), { model: [0], deltas: [[4]] });
    expect(paper!.model).toEqual(near([2 / (Math.sqrt(8.5) + 1)]));
  });

  it('take the momentum of the paper unless told otherwise: none for Adagrad, else 0.9', async () => {
    const once = { model: [0], deltas: [[4]] };
    const momentum = async (optimizer: Parameters<typeof trace>[0]) =>
      (await trace(optimizer, once))[0]!.state.momentum;
    expect(await momentum(fedAdagrad({ eta: 1 }))).toEqual([4]);
    expect(await momentum(fedAdagrad({ eta: 1, beta1: 0.75 }))).toEqual([1]);
    expect(await momentum(fedAdam({ eta: 1 }))).toEqual(near([0.4]));
    expect(await momentum(fedYogi({ eta: 1 }))).toEqual(near([0.4]));
  });
});

describe('FedNova', () => {
  // Clients move 1 in 1 step and 6 in 3 steps: 1 and 2 for each step.
  const clients = [{ steps: 1 }, { steps: 3 }];
  const nova = fedNova({ maxSteps: 10 });
  const rows = [1, 6].map((moved, i) => moved * nova.rowFactor(clients[i]!));

  it('averages what one step does, and takes as many as were taken on average', async () => {
    expect(rows).toEqual([1, 2]);
    const mean = (rows[0]! + rows[1]!) / 2;
    // τ_eff = 2. FedAvg would move 3.5.
    const round = { clients };
    expect(models(await trace(nova, { model: [0], deltas: [[mean]], round }))).toEqual([3]);
  });

  it('keeps τ_eff, which cancels where the factors τ_eff/aᵢ are used as weights of a mean', async () => {
    const factors = [2 / 1, 2 / 3];
    const cancelled = (factors[0]! * 1 + factors[1]! * 6) / (factors[0]! + factors[1]!);
    expect(cancelled).toBeCloseTo(2.25, 12);
    const round = { clients };
    const [step] = await trace(nova, { model: [0], deltas: [[1.5]], round });
    expect(step!.model[0]).not.toBeCloseTo(cancelled, 1);
  });

  it('weighs steps by the participants’ weights', async () => {
    // τ_eff = (3·1 + 1·3)/4 = 1.5
    const round = {
      clients: [
        { steps: 1, weight: 3 },
        { steps: 3, weight: 1 },
      ],
    };
    expect(models(await trace(nova, { model: [0], deltas: [[2]], round }))).toEqual([3]);
  });

  it('counts gradients under momentum: 1 + (1 + ρ) for two steps', () => {
    const half = fedNova({ maxSteps: 10, momentum: 0.5 });
    expect(half.rowFactor({ steps: 1 })).toBeCloseTo(1, 15);
    expect(half.rowFactor({ steps: 2 })).toBeCloseTo(1 / 2.5, 15);
    expect(half.rowFactor({ steps: 3 })).toBeCloseTo(1 / (1.75 + 1.5 + 1), 15);
  });

  it('is FedAvg where all take the same number of steps', async () => {
    const alike = [{ steps: 4 }, { steps: 4 }];
    const delta = 5 * nova.rowFactor(alike[0]!);
    const round = { clients: alike };
    expect(models(await trace(nova, { model: [1], deltas: [[delta]], round }))).toEqual([6]);
  });
});

describe('q-FedAvg', () => {
  const options = { q: 2, lipschitz: 0.5, maxLoss: 4, minLoss: 0.25 };

  it('weighs rows by powers of the loss, and divides by their smoothness', async () => {
    const optimizer = qFedAvg(options);
    const clients = [
      { loss: 4, norm: 2 },
      { loss: 2, norm: 1 },
    ];
    // G = 1 and ¼.
    expect(clients.map((client) => optimizer.rowFactor(client))).toEqual([1, 0.25]);
    // h = ½ · (1·(1 + 2·½·4/4) + ¼·(1 + 2·½·1/2)) = ½ · (2 + ⅜). The mean of rows 2 and ¼: 1⅛.
    const [step] = await trace(optimizer, { model: [0], deltas: [[1.125]], round: { clients } });
    expect(step!.model).toEqual(near([1.125 / 1.1875]));
  });

  it('is the paper’s step, written with its own letters', async () => {
    // wᵢ − w = −δ; Δ = F^q·L·(w − wᵢ), h = q·F^(q−1)·‖L·(w − wᵢ)‖² + L·F^q, w − ΣΔ/Σh.
    const [q, L] = [0.7, 3];
    const [losses, deltas] = [
      [1.5, 0.3],
      [0.4, -1.1],
    ];
    const steps = losses.map((F, i) => ({
      move: F ** q * L * -deltas[i]!,
      h: q * F ** (q - 1) * (L * deltas[i]!) ** 2 + L * F ** q,
    }));
    const expected = -(steps[0]!.move + steps[1]!.move) / (steps[0]!.h + steps[1]!.h);

    const optimizer = qFedAvg({ q, lipschitz: L, maxLoss: 7, minLoss: 0.01 });
    const clients = losses.map((loss, i) => ({ loss, norm: Math.abs(deltas[i]!) }));
    const mean = clients.reduce((sum, c, i) => sum + optimizer.rowFactor(c) * deltas[i]!, 0) / 2;
    const [step] = await trace(optimizer, { model: [0], deltas: [[mean]], round: { clients } });
    expect(step!.model).toEqual(near([expected]));
  });

  it('is FedAvg with equal weights for q = 0, whatever the losses', async () => {
    const optimizer = qFedAvg({ ...options, q: 0 });
    const clients = [
      { loss: 4, norm: 9 },
      { loss: 1, norm: 1 },
    ];
    expect(clients.map((client) => optimizer.rowFactor(client))).toEqual([1, 1]);
    const round = { clients };
    expect(models(await trace(optimizer, { model: [1], deltas: [[5]], round }))).toEqual([6]);
  });

  it('needs rows that f32 can hold', () => {
    expect(() => qFedAvg({ q: 100, lipschitz: 1, maxLoss: 8 })).toThrow(
      /\(minLoss\/maxLoss\)\^q must be at least 2\^-60/,
    );
  });
});

describe('SCAFFOLD', () => {
  it('moves c by |S|/N of what the participants’ variates moved on average', async () => {
    const round = { participants: 2, population: 8 };
    const steps = await trace(scaffold({ eta: 0.5 }), {
      model: [10, 20],
      deltas: [
        [4, -4, 8, 16],
        [0, 2, -4, 0],
      ],
      round,
    });
    expect(steps.map(({ model }) => model)).toEqual([
      [12, 18],
      [12, 19],
    ]);
    expect(steps.map(({ state }) => state)).toEqual([{ control: [2, 4] }, { control: [1, 4] }]);
  });

  it('keeps c at the mean of all clients’ variates, and without |S|/N it would not', async () => {
    // 4 clients, of which 2 take part in turn. Local steps: 1, learning rate 1.
    const all: Float32Array[] = Array.from({ length: 4 }, () => Float32Array.of(0));
    const optimizer = scaffold();
    let control = Float32Array.of(0);
    let wrong = 0;
    const deltas: number[][] = [];
    for (const [round, present] of [
      [0, 1],
      [2, 3],
      [0, 2],
    ].entries()) {
      const changes = present.map((client) => {
        const delta = Float32Array.of(client + round);
        const { own, change } = controlChange(delta, {
          control,
          own: all[client]!,
          steps: 1,
          learningRate: 1,
        });
        all[client] = own;
        return change[0]!;
      });
      const mean = (changes[0]! + changes[1]!) / 2;
      deltas.push([0, mean]);
      const steps = await trace(optimizer, {
        model: [0],
        deltas,
        round: { participants: 2, population: 4 },
      });
      control = Float32Array.from(steps.at(-1)!.state.control!);
      wrong += mean;
    }
    const truth = all.reduce((sum, own) => sum + own[0]!, 0) / 4;
    expect(control[0]).toBeCloseTo(truth, DIGITS);
    expect(Math.abs(wrong - truth)).toBeGreaterThan(0.5);
  });

  it('takes the scale of Δc off again', async () => {
    const round = { participants: 1, population: 2 };
    const steps = await trace(scaffold({ controlScale: 4 }), {
      model: [0],
      deltas: [[1, 8]],
      round,
    });
    // ½ · 8/4
    expect(steps[0]).toEqual({ model: [1], state: { control: [1] } });
  });

  it('a client’s new variate is its mean gradient, and Δc the difference', () => {
    const client = { control: Float32Array.of(3), own: Float32Array.of(1) };
    // 5 steps of 0.5 moved the model by −10, with gradients corrected by c − cᵢ = 2: they were 4 on
    // average, so without the correction 2.
    const { own, change } = controlChange(Float32Array.of(-10), {
      ...client,
      steps: 5,
      learningRate: 0.5,
    });
    expect([...own]).toEqual([2]);
    expect([...change]).toEqual([1]);
    const gradient = Float32Array.of(2);
    correctGradient(gradient, client);
    expect([...gradient]).toEqual([4]);
  });
});
