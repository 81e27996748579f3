/**
 * What is public on every platform. The faces add what depends on one: `index.ts` for Node,
 * `browser.ts` for browsers.
 *
 * @module
 */

export type {
  Aggregate,
  AggregateAll,
  AggregateOptions,
  AggregateReport,
  AggregateResult,
  ClientReport,
  Destination,
  ScreenReport,
} from './aggregate.ts';
export { type AlieOptions, alie, alieFactor } from './attacks/alie.ts';
export { type Attack, type AttackContext, type Crafted, rowsSent } from './attacks/attack.ts';
export { type GaussianOptions, gaussian } from './attacks/gaussian.ts';
export { inf } from './attacks/inf.ts';
export { type IpmOptions, ipm } from './attacks/inner-product.ts';
export {
  type AttackEntry,
  type AttackSurroundings,
  attacks,
  parseAttack,
} from './attacks/list.ts';
export { type MimicOptions, mimic } from './attacks/mimic.ts';
export {
  type Defence,
  type OptimisedOptions,
  optimisedAlie,
  optimisedIpm,
} from './attacks/optimised.ts';
export { type SignFlipOptions, signFlip } from './attacks/sign-flip.ts';
export type { BackendChoice, BackendOptions, CreateBackend } from './backend/create.ts';
export type {
  Backend,
  BackendInfo,
  BackendName,
  DeviceRow,
  FileRange,
  FileRun,
  HalfRow,
  HostRow,
  LatticeNoise,
  Matrix,
  ModularOps,
  NoiseDraw,
  NoiseTable,
  Ops,
  Pairs,
  Regime,
  RowScreen,
  RowSource,
  Weights,
  Words,
} from './backend/kernels.ts';
export {
  AggregationError,
  type AggregationErrorCode,
  BackendError,
  type BackendErrorCode,
  FormatError,
  type FormatErrorCode,
  StoreError,
  type StoreErrorCode,
} from './core/errors.ts';
export type {
  Options as RuleOptions,
  Parameter,
  Schema as RuleSchema,
  SchemaOf as RuleSchemaOf,
  Values as RuleValues,
} from './core/parameter.ts';
export type { Displacement, Sensitivity } from './core/sensitivity.ts';
export { type Append, type ByteSource, blobSource, bytesSource } from './formats/byte-source.ts';
export {
  type CarriedTensor,
  compare,
  type Layout,
  type LayoutOptions,
  type LayoutTensor,
  layoutOf,
  type PolicyTensor,
  type TensorPolicies,
  type TensorPolicy,
  vectorLayout,
} from './formats/layout.ts';
export { writeNpy } from './formats/npy.ts';
export {
  npyResult,
  type ResultWriter,
  type SafetensorsResultOptions,
  safetensorsResult,
} from './formats/result.ts';
export { differenceRow, npyRows, tensorRow } from './formats/rows.ts';
export {
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorData,
  type TensorEntry,
  type TensorFile,
  type TensorInfo,
  writeSafetensors,
} from './formats/safetensors.ts';
export type {
  AdaptiveClip,
  AdaptiveClipOptions,
  JointPlan,
  JointSum,
} from './privacy/adaptive-clip.ts';
export type { Mechanism, PrivacyEvent, PrivacyUnit, Relation, Sampling } from './privacy/event.ts';
export type { AliasTable } from './privacy/lattice/alias-table.ts';
export type { Clipped, Lattice } from './privacy/lattice/clip.ts';
export type { NoisePlan, PlannedDraw } from './privacy/lattice/noise-plan.ts';
export type {
  LayerClip,
  LayeredClipped,
  LayeredLattice,
} from './privacy/lattice/per-layer-clip.ts';
export type { RandomRounding, RoundedRow } from './privacy/lattice/random-rounding.ts';
export type { RoundedNorms } from './privacy/rounding.ts';
export type {
  Claimed,
  DrawnCohort,
  OpenDraw,
  RandomWords,
  RoundFacts,
  Secrecy,
  SecretDraw,
} from './privacy/sampling.ts';
export type {
  Crowd,
  ShareNoise,
  ShareOptions,
  SharePlan,
  ShareRelation,
} from './privacy/shares.ts';
export type { EpochRound, TreeNode, TreeNoise, TreePlan, TreeStep } from './privacy/tree.ts';
export * from './rules/all.ts';
export { type Condition, requireClients } from './rules/clients.ts';
export {
  type Cohort,
  type Definition as RuleDefinition,
  defineRule,
  defineStage,
  type Entry,
  type RuleEntry,
  type StageEntry,
} from './rules/entry.ts';
export type { KrumPreset } from './rules/krum-scores.ts';
export { rules } from './rules/list.ts';
export { pipeline } from './rules/pipeline.ts';
export type {
  Bounded,
  ClientEvidence,
  LatticeRows,
  Law,
  Releasable,
  Round,
  Rule,
  Stage,
  StageResult,
} from './rules/rule.ts';
export { parseRule } from './rules/spec.ts';
export type {
  ClientRow,
  Entry as UpdateEntry,
  RefusedRow,
  Screening,
  Update,
  Updates,
  Verdict,
} from './screen.ts';
