/**
 * Aggregis, federations: the coordinator and what it is made of. The entry `aggregis/federation`, for
 * Node alone; clients are in `aggregis/client`.
 *
 * @module
 */

export type { Backend, HostRow } from './backend/kernels.ts';
export type { Json } from './core/canonical-json.ts';
export {
  FederationError,
  type FederationErrorCode,
  type RefusedDetails,
  StoreError,
  type StoreErrorCode,
} from './core/errors.ts';
export {
  type CompositionProblem,
  type CompositionReport,
  MODES,
  type Mode,
} from './federation/composition.ts';
export {
  type CheckedConfig,
  type ConfigProblem,
  checkConfig,
  configJsonSchema,
  defineConfig,
  parseConfig,
} from './federation/config.ts';
export { Coordinator, type CoordinatorOptions } from './federation/coordinator.ts';
export type { Pace } from './federation/http/body.ts';
export {
  fingerprintOf,
  ownTls,
  readTls,
  type ServerTls,
} from './federation/http/certificate.ts';
export { type LogLevel, requestLog } from './federation/http/log.ts';
export {
  type ServedFederation,
  type ServeOptions,
  serveFederation,
} from './federation/http/serve.ts';
export { FederationServer, type ServerOptions } from './federation/http/server.ts';
export type { AdaptiveOptions, AdaptivePreset } from './federation/optimizers/adaptive.ts';
export type { ClientScalar, ClientScalarName } from './federation/optimizers/client-scalars.ts';
export type { OptimizerEntry } from './federation/optimizers/entry.ts';
export { type FedAdagradOptions, fedAdagrad } from './federation/optimizers/fed-adagrad.ts';
export { type FedAdamOptions, fedAdam } from './federation/optimizers/fed-adam.ts';
export { type FedAvgOptions, fedAvg } from './federation/optimizers/fed-avg.ts';
export { type FedAvgMOptions, fedAvgM } from './federation/optimizers/fed-avg-m.ts';
export { type FedNovaOptions, fedNova } from './federation/optimizers/fed-nova.ts';
export { type FedYogiOptions, fedYogi } from './federation/optimizers/fed-yogi.ts';
export {
  initialState,
  type Optimizer,
  type OptimizerRound,
  type OptimizerState,
  type Participant,
  type Slot,
  type Step,
  type StepInput,
} from './federation/optimizers/optimizer.ts';
export { type QFedAvgOptions, qFedAvg } from './federation/optimizers/q-fed-avg.ts';
export { type ScaffoldOptions, scaffold } from './federation/optimizers/scaffold.ts';
export { type ParsedOptimizer, parseOptimizer } from './federation/optimizers/spec.ts';
export type { Outcome, Refused } from './federation/outcomes.ts';
export type {
  ClientRecord,
  EnrolmentPolicy,
} from './federation/registry.ts';
export type { RoundStatus } from './federation/round-status.ts';
export type { RoundView } from './federation/round-view.ts';
export type {
  CollectConfig,
  DetectorsConfig,
  EnrolmentConfig,
  LimitsConfig,
  PrivacyConfig,
  ReputationConfig,
  RunConfig,
  RunConfigInput,
  ScreenConfig,
  SecureConfig,
  SelectionConfig,
  WithDefaults,
} from './federation/run-config.ts';
export type { RoundPhase } from './federation/run-state.ts';
export { enrolmentOf, servedProblems } from './federation/served-config.ts';
export type { Blobs, StoredBlob } from './federation/store/blobs.ts';
export type { ChainHead, LoggedEvent, NewEvent } from './federation/store/chain.ts';
export type { EventRange } from './federation/store/event-log.ts';
export type { RoundRow } from './federation/store/projections.ts';
export {
  type CreateOptions,
  openStore,
  type Recovery,
  type ResumeOptions,
  type Store,
  type StoreOptions,
} from './federation/store/store.ts';
export type { MaskedRun } from './federation/verify/masked-rounds.ts';
export {
  type SecureVerdict,
  type VerifyOptions,
  verifySecureRound,
} from './federation/verify-secure.ts';
export type { AccountantName } from './privacy/accountants/all.ts';
export type { Relation } from './privacy/event.ts';
export type { LedgerStorage } from './privacy/ledger/storage.ts';
export type { RoundFacts } from './privacy/sampling.ts';
export type { CryptoOptions } from './secagg/crypto/create.ts';
export { createNodeCrypto as createCrypto } from './secagg/crypto/create-node.ts';
export type { CryptoProvider } from './secagg/crypto/provider.ts';
export type { Masks } from './secagg/masks.ts';
