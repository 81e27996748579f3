/**
 * The configuration of a run, with every default filled in: types alone. `config.ts` reads it,
 * `composition.ts` says what of it goes together.
 *
 * @module
 */

import type { AccountantName } from '../privacy/accountants/all.ts';
import type { Relation } from '../privacy/event.ts';
import type { RoundFacts } from '../privacy/sampling.ts';
import type { ReputationOptions } from './reputation.ts';

/** Which clients are asked. */
export type SelectionConfig = {
  /** Of all that are enrolled, or of those that are present as the round opens. */
  readonly from: 'enrolled' | 'present';
  /** So many times the count are asked, since some will drop out; in [1, 10]. */
  readonly overSelection: number;
  /** Attributes that a client must have. */
  readonly where?: Readonly<Record<string, string>>;
  /** For experiments: members can be foreseen. Default: a key of the platform's CSPRNG. */
  readonly seed?: number;
} & (
  | { readonly scheme: 'everybody' }
  | { readonly scheme: 'uniform'; readonly count: number }
  | { readonly scheme: 'poisson'; readonly rate: number }
  | { readonly scheme: 'reputation'; readonly count: number }
);

/** When a round closes, and when it is given up. */
export interface CollectConfig {
  /** Updates that a round is for. Default: the selection's count, or all members. */
  readonly wanted?: number;
  /** The fewest with which it goes on. Default: 1; 0 with noise at the server. */
  readonly quorum?: number;
  /** Whether it waits for all members or closes with as many updates as are wanted. */
  readonly closing: 'all' | 'wanted';
  readonly lateJoin: boolean;
  readonly collectSeconds: number;
  /** From closing to publishing. */
  readonly processingSeconds: number;
  /** Rounds that may fail one after another before the run ends. */
  readonly maxFailures: number;
}

/** Whom the run admits. */
export type EnrolmentConfig =
  /** Public keys, in hexadecimal digits. */
  | { readonly kind: 'allow-list'; readonly keys: readonly string[] }
  | {
      readonly kind: 'certificate';
      readonly authority: string;
      /** 16 bytes in hexadecimal digits. */
      readonly federation: string;
    }
  /** Anybody, as often as they like: no rule holds against whoever is most of the clients. */
  | { readonly kind: 'open' };

/** Differential privacy. */
export type PrivacyConfig =
  | {
      readonly kind: 'central';
      readonly relation: Relation;
      readonly clipNorm: number;
      readonly noiseMultiplier: number;
      readonly epsilon: number;
      readonly delta: number;
      readonly accountant: AccountantName;
      /** The server adds noise, or clients do, in shares under their masks. */
      readonly noise: 'server' | 'shares';
      /** What is known of who takes part. By default everything, to everybody. */
      readonly secrecy?: Pick<RoundFacts, 'participation' | 'adversary' | 'reason'>;
    }
  | {
      readonly kind: 'local';
      readonly mechanism: 'laplace' | 'duchi-vector' | 'priv-unit';
      readonly epsilon: number;
      readonly clipNorm: number;
    };

/** Secure aggregation. */
export type SecureConfig = {
  /** Entries beyond ± this are brought to it by the client. */
  readonly clip: number;
  /** γ, δ: shares of the clients that collude with the server, or drop out. */
  readonly corrupt: number;
  readonly dropout: number;
  readonly minSum: number;
} & (
  | { readonly kind: 'sagg1' }
  /** Sums over groups of so many, f Byzantine clients among all. */
  | { readonly kind: 'groups'; readonly groupSize: number; readonly byzantine: number }
);

/** What every update passes first. */
export interface ScreenConfig {
  /** Longest update, L2. */
  readonly maxNorm?: number;
  /** Refuse what the same client sent before. Default: wherever single updates are seen. */
  readonly replay?: boolean;
  /** Checks of one update against others. Default: wherever they may count. */
  readonly comparisons?: boolean;
}

/** Detection of poisoning. */
export interface DetectorsConfig {
  /** `all`, `article` for all with the article's scores beside them, or names joined by `+`. */
  readonly use: string;
  /** What follows for the round: nothing, or the update does not go on. */
  readonly act: 'report' | 'exclude';
  /** Byzantine clients that are assumed. Default: as many as the round's rows admit. */
  readonly f?: number;
}

/** Reputation, and what may count as evidence. */
export interface ReputationConfig extends ReputationOptions {
  /** What clients send may count, or only how they behave on the network. */
  readonly evidence: 'content' | 'conduct';
}

/** Limits for bad input. */
export interface LimitsConfig {
  readonly clients: number;
  /** Most bytes of one update. */
  readonly updateBytes: number;
  /** Samples above these count as these. */
  readonly samplesCap: number;
  /** Bytes in flight, of all clients together and of each. */
  readonly creditBytes: number;
  readonly creditBytesEach: number;
  readonly requestsPerSecond: number;
}

/** A run. */
export interface RunConfig {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** The first model, a safetensors file. */
  readonly model: string;
  /** SPEC of the rule, as on the command line. */
  readonly rule: string;
  /** SPEC of the server's optimiser. */
  readonly optimizer: string;
  readonly rounds: number;
  readonly selection: SelectionConfig;
  readonly round: CollectConfig;
  readonly enrolment: EnrolmentConfig;
  readonly privacy?: PrivacyConfig;
  readonly secure?: SecureConfig;
  readonly screen: ScreenConfig;
  readonly detectors?: DetectorsConfig;
  readonly reputation?: ReputationConfig;
  /** What clients are told of how to train: read by them alone. */
  readonly training?: Readonly<Record<string, string | number | boolean>>;
  readonly reports: {
    /** Whether reports are for others than the operator. */
    readonly public: boolean;
    /** Whether they hold figures of single clients. */
    readonly clients: boolean;
  };
  readonly wire: {
    /** Number types that updates may have on the wire. */
    readonly dtypes: readonly ('F32' | 'F16' | 'BF16' | 'I8')[];
    /** A power of two in [512 KiB, 4 MiB]. */
    readonly chunkBytes: number;
  };
  readonly limits: LimitsConfig;
}

/** A run as it is written down: what has a default may be left out. */
export type RunConfigInput = Pick<RunConfig, 'model' | 'rule' | 'rounds' | 'enrolment'> &
  Partial<Pick<RunConfig, 'name' | 'optimizer' | 'screen' | 'privacy' | 'secure' | 'training'>> & {
    readonly selection?: WithDefaults<SelectionConfig, 'from' | 'overSelection'>;
    readonly round?: Partial<CollectConfig>;
    readonly detectors?: WithDefaults<DetectorsConfig, 'act'>;
    readonly reputation?: Partial<ReputationConfig>;
    readonly reports?: Partial<RunConfig['reports']>;
    readonly wire?: Partial<RunConfig['wire']>;
    readonly limits?: Partial<LimitsConfig>;
  };

/** `T` where the fields `K` may be left out; of each member of a union by itself. */
export type WithDefaults<T, K extends PropertyKey> = T extends unknown
  ? Omit<T, K & keyof T> & Partial<Pick<T, K & keyof T>>
  : never;
