/**
 * Attacks on whole federations: what a coalition can do to a pipeline that it knows, its screen, its
 * detectors and its reputation included.
 *
 * An attack is a family of what colluding clients may send. Before it is measured it is aimed: of the
 * family, what harms the pipeline most in runs of its own, under seeds that are not reported.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '../backend/kernels.ts';
import type { Train } from '../federation/client/train.ts';
import { parseConfig } from '../federation/config.ts';
import type { RunConfigInput } from '../federation/run-config.ts';
import { servedProblems } from '../federation/served-config.ts';
import type { LoggedEvent } from '../federation/store/chain.ts';
import { openStore } from '../federation/store/store.ts';
import { bytesSource } from '../formats/byte-source.ts';
import type { TrainTest } from './dataset.ts';
import { digitsTrainer } from './digits-client.ts';
import { parametersIn, writeModel } from './digits-task.ts';
import { runTrial, type TrialClient, trialNames } from './federation-trial.ts';
import { type Mlp, mlp } from './model.ts';
import { namedAttack, namedRule } from './named.ts';
import { streamOf } from './sampling.ts';

/** A federation as it is deployed. */
export interface Pipeline {
  /** In kebab-case. */
  readonly name: string;
  /** As a table calls it. */
  readonly title: string;
  readonly rule: (attackers: number) => string;
  /** Whether detectors exclude, reputation counts, and claims are capped near what is usual. */
  readonly screened: boolean;
}

/** The columns of the table. */
export const PIPELINES: readonly Pipeline[] = [
  {
    name: 'nnm-trimmed-mean',
    title: 'NNM + trimmed mean, screened',
    rule: (f) => `nnm:f=${f}+trimmed-mean:f=${f}`,
    screened: true,
  },
  {
    name: 'screened-fedavg',
    title: 'FedAvg, screened',
    rule: () => 'weighted-mean',
    screened: true,
  },
  {
    name: 'bare-nnm-trimmed-mean',
    title: 'NNM + trimmed mean, unscreened',
    rule: (f) => `nnm:f=${f}+trimmed-mean:f=${f}`,
    screened: false,
  },
  { name: 'fedavg', title: 'FedAvg, unscreened', rule: () => 'weighted-mean', screened: false },
];

/** What each attacker does. */
export interface Deed {
  /** SPEC of an attack; without it, it trains like anybody. */
  readonly spec?: string;
  /** It claims so many times its samples. */
  readonly claim: number;
}

/** An attack, and what it may be aimed with. */
export interface AttackFamily {
  /** In kebab-case. */
  readonly name: string;
  readonly title: string;
  /** At least one. */
  readonly deeds: readonly Deed[];
}

const family = (name: string, title: string, specs: readonly string[]): AttackFamily => ({
  name,
  title,
  deeds: specs.map((spec) => ({ spec, claim: 1 })),
});
const with_ = (kind: string, key: string, values: readonly number[]): string[] =>
  values.map((value) => `${kind}:${key}=${value}`);

/** The rows of the table. */
export const ATTACKS: readonly AttackFamily[] = [
  family('sign-flip', 'sign flip', ['sign-flip']),
  family('scaled', 'scaled', with_('sign-flip', 'scale', [3, 10, 100, -3, -10, -100])),
  family(
    'alie',
    'ALIE',
    with_('alie', 'tau', [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, -1, -3, -10]),
  ),
  family('ipm', 'IPM', with_('ipm', 'tau', [0.01, 0.1, 0.3, 0.6, 0.9])),
  {
    name: 'claims',
    title: 'claims 1000× samples',
    deeds: [
      { claim: 1000 },
      ...['ipm:tau=0.1', 'sign-flip', 'alie:tau=1'].map((spec) => ({ spec, claim: 1000 })),
    ],
  },
];

/** How large a federation is. */
export interface Setting {
  readonly clients: number;
  readonly attackers: number;
  readonly rounds: number;
  /** Parameter of the Dirichlet partition. */
  readonly alpha: number;
  readonly hidden: number;
  readonly training: {
    readonly learningRate: number;
    readonly batch: number;
    readonly epochs: number;
  };
  /** Most samples that count, where pipelines are screened. */
  readonly samplesCap: number;
}

/** The setting of the published table. */
export const SETTING: Setting = {
  clients: 20,
  attackers: 4,
  rounds: 25,
  alpha: 1,
  hidden: 32,
  training: { learningRate: 0.3, batch: 8, epochs: 2 },
  samplesCap: 150,
};

/** What came of a run. */
export interface AttackOutcome {
  /** Of the last model, on examples that no client has; in [0, 1]. */
  readonly accuracy: number;
  /** Mean cross entropy of the same in nats; `null` for a model that has diverged. */
  readonly loss: number | null;
  /** Rounds without a model. */
  readonly failed: number;
  /** Updates that did not go on, in all rounds. */
  readonly excluded: { readonly attackers: number; readonly honest: number };
  /** Rounds that clients spent in quarantine, all together. */
  readonly quarantined: { readonly attackers: number; readonly honest: number };
}

/** The network that clients train. */
export function networkOf({ train }: Pick<TrainTest, 'train'>, { hidden }: Setting): Mlp {
  return mlp({ features: train.features, hidden, classes: train.classes });
}

/** The first model of a seed, a safetensors file. */
export async function firstModel(network: Mlp, seed: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const append = async (bytes: Uint8Array): Promise<void> => {
    parts.push(bytes.slice());
  };
  await writeModel(append, network, network.initialParameters(streamOf(seed, 'model')));
  return new Uint8Array(Buffer.concat(parts));
}

/** The configuration of a pipeline, as `aggregis serve --config` reads it. */
export function pipelineConfig(
  { name, rule, screened }: Pipeline,
  { attackers, clients, rounds, training, samplesCap }: Setting,
): RunConfigInput {
  return {
    name,
    model: 'model.safetensors',
    rule: rule(attackers),
    rounds,
    enrolment: { kind: 'open' },
    selection: { scheme: 'everybody', seed: 1 },
    round: { wanted: clients, collectSeconds: 600 },
    training: { task: 'digits', ...training },
    limits: { samplesCap: screened ? samplesCap : 1e9, requestsPerSecond: 1000 },
    ...(screened && {
      detectors: { use: 'all', act: 'exclude', f: attackers },
      reputation: { evidence: 'content' },
    }),
  };
}

/** A run to be made. */
export interface AttackRun {
  readonly pipeline: Pipeline;
  /** `undefined`: nobody attacks. */
  readonly deed: Deed | undefined;
  readonly setting: Setting;
  /** Fixes partition, batches and first model. */
  readonly seed: number;
  readonly data: TrainTest;
}

/** Makes the run in this process, in a folder below `folder` that is gone afterwards. */
export async function attackInProcess(
  { pipeline, deed, setting, seed, data }: AttackRun,
  { folder, backend }: { readonly folder: string; readonly backend: Backend },
): Promise<AttackOutcome> {
  const { config } = parseConfig(pipelineConfig(pipeline, setting), servedProblems);
  const network = networkOf(data, setting);
  const names = trialNames(setting.clients);
  const colluding = deed?.spec === undefined ? undefined : forged(deed.spec);
  const clients = new Map(
    names.map((name, i): [string, TrialClient] => {
      const attacks = deed !== undefined && i < setting.attackers;
      const train = (attacks && colluding) || digitsTrainer({ ...common(), part: i + 1 });
      return [name, { train, claim: attacks ? deed.claim : 1 }];
    }),
  );
  const parent = await mkdtemp(join(folder, 'attack-'));
  try {
    const run = join(parent, 'run');
    const model = await firstModel(network, seed);
    const outcome = await runTrial({ folder: run, config, model, clients, backend });
    const isAttacker = (client: string): boolean =>
      deed !== undefined && names.indexOf(client) < setting.attackers;
    const { failed } = outcome;
    const quality = await qualityOf(outcome.model, { network, data });
    return { ...quality, failed, ...(await countsOf(run, isAttacker)) };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }

  function common() {
    return { data: data.train, parts: setting.clients, alpha: setting.alpha, seed };
  }

  function forged(spec: string): Train {
    const { rule } = namedRule(config.rule);
    const attack = namedAttack(spec).against(rule, backend);
    const { attackers } = setting;
    return digitsTrainer({ ...common(), part: 1, attack: { attack, attackers, backend } });
  }
}

/** How well a model file reads the test examples. */
export async function qualityOf(
  file: Uint8Array,
  { network, data }: { readonly network: Mlp; readonly data: TrainTest },
): Promise<Pick<AttackOutcome, 'accuracy' | 'loss'>> {
  const parameters = await parametersIn(bytesSource('model', file), network);
  const { accuracy, loss } = network.evaluate(parameters, data.test);
  return { accuracy, loss: Number.isFinite(loss) ? loss : null };
}

/** What a run's log tells of exclusions and quarantines. */
export async function countsOf(
  folder: string,
  isAttacker: (client: string) => boolean,
): Promise<Pick<AttackOutcome, 'excluded' | 'quarantined'>> {
  await using store = await openStore(folder, { mode: 'resume' });
  const excluded = { attackers: 0, honest: 0 };
  const quarantined = { attackers: 0, honest: 0 };
  for await (const { type, body } of store.events()) {
    const into = { 'round.screened': excluded, 'round.opened': quarantined }[type];
    if (into === undefined) continue;
    for (const { client } of body.excluded as LoggedExclusions) {
      into[isAttacker(client) ? 'attackers' : 'honest']++;
    }
  }
  return { excluded, quarantined };
}

type LoggedExclusions = readonly { readonly client: string }[] & LoggedEvent['body'][string];

/** What a deed left of a model. */
type Quality = Pick<AttackOutcome, 'accuracy' | 'loss'>;

/** What of a family harms a pipeline most. */
export interface AimedAttack {
  readonly deed: Deed;
  /** What each deed left of the accuracy, in the order of the family. */
  readonly tried: readonly number[];
}

/** Aims a family at a pipeline: the least accuracy, and of those that leave the same the greatest loss. */
export async function aim(
  { deeds }: AttackFamily,
  run: (deed: Deed) => Promise<Quality>,
): Promise<AimedAttack> {
  // With one deed there is nothing to choose.
  if (deeds.length === 1) return { deed: deeds[0]!, tried: [] };
  const tried: Quality[] = [];
  for (const deed of deeds) tried.push(await run(deed));
  const worst = tried.reduce((least, one) => (isWorse(one, least) ? one : least));
  const accuracies = tried.map(({ accuracy }) => accuracy);
  return { deed: deeds[tried.indexOf(worst)]!, tried: accuracies };
}

function isWorse(one: Quality, other: Quality): boolean {
  if (one.accuracy !== other.accuracy) return one.accuracy < other.accuracy;
  const [loss, least] = [one, other].map((quality) => quality.loss ?? Number.POSITIVE_INFINITY);
  return loss! > least!;
}

/** The mean of runs under several seeds. */
export function meanQuality(all: readonly Quality[]): Quality {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const losses = all.map(({ loss }) => loss ?? Number.POSITIVE_INFINITY);
  const loss = mean(losses);
  return {
    accuracy: mean(all.map(({ accuracy }) => accuracy)),
    loss: Number.isFinite(loss) ? loss : null,
  };
}
