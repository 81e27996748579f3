/**
 * What is public of secure aggregation on every platform. The faces add cryptography, which depends on one:
 * `secure-node.ts` for Node, `secure.ts` for browsers.
 *
 * @module
 */

export { SecureError, type SecureErrorCode } from './core/errors.ts';
export type { Blame, Fault } from './secagg/blame.ts';
export {
  type ClientOptions,
  type ClientOutput,
  type ClientPhase,
  type Identity,
  type InputTerms,
  SecureClient,
} from './secagg/client.ts';
export { type Codec, hostCodec } from './secagg/codec.ts';
export {
  checkConfig,
  contextOf,
  type Deadlines,
  encodeConfig,
  encodingOf,
  type NoiseLaw,
  type NoiseTerms,
  parseConfig,
  type RoundConfig,
  type Topology,
} from './secagg/config.ts';
export type { CryptoOptions } from './secagg/crypto/create.ts';
export { type NobleCryptoOptions, nobleCrypto } from './secagg/crypto/noble.ts';
export type {
  Admitted,
  BoxOptions,
  Claim,
  CryptoProvider,
  Implementation,
  KeyPairing,
  Primitive,
} from './secagg/crypto/provider.ts';
export {
  type ContextConstants,
  type DecodedSum,
  decodeSum,
  type EncodedSum,
  type EncodedUpdate,
  type EncodingOptions,
  type EncodingPlan,
  encodeUpdate,
  type Frame,
  planEncoding,
  slotsOk,
  type UpdateToEncode,
  type WeightMode,
  weightOf,
  withSlots,
} from './secagg/encode.ts';
export {
  allowList,
  anybody,
  type Certificate,
  type CertificateOptions,
  certificateToSign,
  certified,
  type Enrolment,
} from './secagg/enrolment.ts';
export {
  type Contamination,
  contaminationOf,
  describeGroups,
  feasibleGroupSizes,
  type GroupPlan,
  type GroupRequirements,
  type GroupShape,
  type GroupSizes,
  LEAST_GROUP,
  planGroups,
} from './secagg/groups.ts';
export { indexedDbJournal } from './secagg/idb-journal.ts';
export { type Journal, type JournalEntry, memoryJournal } from './secagg/journal.ts';
export { type Binding, canaryOf } from './secagg/keys.ts';
export { type Mask, type Masks, referenceMasks } from './secagg/masks.ts';
export { type CohortMean, meansBy, meansOf } from './secagg/means.ts';
export type { ResultBody } from './secagg/messages.ts';
export {
  addNoise,
  fewestNoisy,
  type LocalNoise,
  type NoiseCrowd,
  type NoiseSource,
  requireRoom,
} from './secagg/noise.ts';
export type { Packing } from './secagg/packing.ts';
export {
  type Adversary,
  COMPLETE_UP_TO,
  checkParameters,
  type FoundParameters,
  findParameters,
  type GraphParameters,
  leastThreshold,
  type NeighbourGraph,
  type Requirements,
  type Shortfall,
} from './secagg/parameters.ts';
export { planRound, type RoundPlan } from './secagg/plan-round.ts';
export { type ClientPolicy, checkPolicy, type NoiseFloor, type Patience } from './secagg/policy.ts';
export { describeRefusal, REASONS, type Reason, type Refusal } from './secagg/reasons.ts';
export type { Entry } from './secagg/roster.ts';
export type { Outgoing } from './secagg/server/mail.ts';
export type { ServerOptions } from './secagg/server/round.ts';
export type {
  CohortState,
  LostCohort,
  Outcome,
  SecureSum,
  ServerPhase,
  ServerState,
  SharedBoxes,
} from './secagg/server/state.ts';
export { SecureServer, type ServerOutput } from './secagg/server.ts';
export { hex, SLOTS } from './secagg/suite.ts';
export {
  encodePrivately,
  type NoiseBackend,
  type NoisyUpdate,
  type PrivateUpdateToEncode,
  planSecureNoise,
  type SecureNoise,
  type SecureNoiseOptions,
  shareSource,
} from './secure-noise.ts';
