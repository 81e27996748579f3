/**
 * Aggregis, differential privacy: releases of whole rounds, ledgers, accountants, clipping and noise on
 * the lattice, cohorts, local mechanisms, private training of a client's own. For Node and browsers;
 * `aggregis` has what computes, and under Node the ledger's file.
 *
 * @module
 */

export type { SimulatedNoise } from './backend/kernels.ts';
export { addSimulatedNoise } from './backend/simulated/noise.ts';
export type { Json } from './core/canonical-json.ts';
export { PrivacyError, type PrivacyErrorCode } from './core/errors.ts';
export type { Random } from './core/random.ts';
export type { Displacement, Sensitivity } from './core/sensitivity.ts';
export type { Accountant } from './privacy/accountants/accountant.ts';
export {
  GaussianAccountant,
  gaussianDelta,
  gaussianEpsilon,
  gaussianNoiseMultiplier,
} from './privacy/accountants/gaussian.ts';
export { GdpAccountant } from './privacy/accountants/gdp.ts';
export { PldAccountant, type PldOptions } from './privacy/accountants/pld.ts';
export { RdpAccountant, type RdpOptions, type RenyiGuarantee } from './privacy/accountants/rdp.ts';
export { ZcdpAccountant, zcdpBudget, zcdpDelta, zcdpEpsilon } from './privacy/accountants/zcdp.ts';
export {
  type AdaptiveClip,
  type AdaptiveClipOptions,
  adaptiveClip,
  appendBit,
  type JointPlan,
  type JointSum,
  nextClip,
  planJoint,
  readBits,
  updateNoiseMultiplier,
} from './privacy/adaptive-clip.ts';
export {
  type CalibratedNoise,
  type CalibratedSteps,
  calibrateNoise,
  calibrateSteps,
  type NoiseSearch,
  type Target,
} from './privacy/calibrate.ts';
export {
  type ExampleGradient,
  type LocalCounts,
  type PrivateTraining,
  type PrivateTrainingOptions,
  planSteps,
  privateTraining,
  type RecordLedger,
  type StepOptions,
  type StepPlan,
  stepEvent,
} from './privacy/dp-sgd.ts';
export {
  type Mechanism,
  NO_SAMPLING,
  type PrivacyEvent,
  type PrivacyUnit,
  type Relation,
  type Sampling,
} from './privacy/event.ts';
export {
  type Clipped,
  clipToLattice,
  DEFAULT_BOUND,
  fromLattice,
  type Lattice,
  latticeFor,
} from './privacy/lattice/clip.ts';
export {
  type GaussianPlan,
  gaussianPlan,
  laplacePlan,
  type NoisePlan,
  type NoisyRun,
  numericalDelta,
  type PlannedDraw,
  skellamPlan,
} from './privacy/lattice/noise-plan.ts';
export {
  type LayerClip,
  type LayeredClipped,
  type LayeredLattice,
  layeredLatticeFor,
  perLayerClip,
} from './privacy/lattice/per-layer-clip.ts';
export {
  type RandomRounding,
  type RoundedRow,
  roundAtRandom,
} from './privacy/lattice/random-rounding.ts';
export {
  type Claim,
  claimPublicKey,
  type SignOptions,
  signClaim,
  type VerifyOptions,
  verifyClaim,
} from './privacy/ledger/claim.ts';
export type { Budget, BudgetFilter } from './privacy/ledger/filter.ts';
export {
  type Charge,
  type Charging,
  Ledger,
  type LedgerOptions,
  openLedger,
} from './privacy/ledger/ledger.ts';
export { type RdpFilterOptions, rdpFilter } from './privacy/ledger/rdp-filter.ts';
export {
  checkReceipt,
  type Receipt,
  type ReleaseDetails,
  receiptText,
} from './privacy/ledger/receipt.ts';
export {
  type ScheduledEvent,
  type ScheduleFilterOptions,
  scheduleFilter,
} from './privacy/ledger/schedule-filter.ts';
export { type LedgerStorage, MemoryStorage } from './privacy/ledger/storage.ts';
export { zcdpFilter } from './privacy/ledger/zcdp-filter.ts';
export { type DuchiOptions, duchi, type Sign } from './privacy/local/duchi.ts';
export { type DuchiVectorOptions, duchiVector } from './privacy/local/duchi-vector.ts';
export { type HybridOptions, type HybridReport, hybrid } from './privacy/local/hybrid.ts';
export { type KRandomisedResponseOptions, kRandomisedResponse } from './privacy/local/k-rr.ts';
export { type GridLaplaceOptions, gridLaplace } from './privacy/local/laplace.ts';
export {
  type HashedReport,
  type OptimisedLocalHashingOptions,
  optimisedLocalHashing,
} from './privacy/local/olh.ts';
export { type OptimisedUnaryEncodingOptions, optimisedUnaryEncoding } from './privacy/local/oue.ts';
export { type PiecewiseOptions, piecewise } from './privacy/local/piecewise.ts';
export { type DirectionReport, type PrivUnitOptions, privUnit } from './privacy/local/priv-unit.ts';
export type { FrequencyProtocol, MeanProtocol, SupportChances } from './privacy/local/protocol.ts';
export { basicRappor, type Rappor, type RapporOptions } from './privacy/local/rappor.ts';
export { type SubsetSelectionOptions, subsetSelection } from './privacy/local/subset-selection.ts';
export { type SymmetricUnaryEncodingOptions, symmetricUnaryEncoding } from './privacy/local/sue.ts';
export {
  type Claimed,
  claimSampling,
  type DrawnCohort,
  fixedCohort,
  type OpenDraw,
  poissonCohort,
  type RandomWords,
  type RoundFacts,
  realisedRate,
  type Secrecy,
  type SecretDraw,
  truncatedPoissonCohort,
} from './privacy/sampling.ts';
export {
  type Bounded,
  type Contributions,
  type Statistic,
  sensitivityOf,
} from './privacy/sensitivity.ts';
export {
  type Crowd,
  clippedNorms,
  fewestHonest,
  leastModulus,
  planShares,
  requireSurvivors,
  type ShareNoise,
  type ShareOptions,
  type SharePlan,
  type ShareRelation,
  shareEvent,
  shareNoise,
} from './privacy/shares.ts';
export {
  type ShuffledReports,
  shuffledDelta,
  shuffledEpsilon,
  shuffledEpsilonClosedForm,
} from './privacy/shuffle.ts';
export {
  type BudgetedTraining,
  budgetTraining,
  type TrainingBudget,
} from './privacy/training-budget.ts';
export {
  addPrefixNoise,
  addStepNoise,
  type EpochRound,
  epochRound,
  nodeNoise,
  prefixNodes,
  type TreeNode,
  type TreeNoise,
  type TreePlan,
  type TreeStep,
  treeEvent,
  treeStep,
} from './privacy/tree.ts';
export {
  eventOf,
  type PrivateClient,
  type PrivateRelease,
  type PrivateReleaseOptions,
  type PrivateResult,
  type PrivateRound,
  type PrivateStatistic,
  type PrivateUpdate,
  planRelease,
  releasePrivately,
} from './private-release.ts';
