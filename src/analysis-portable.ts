/**
 * What the analysis of updates offers on every platform. The faces `analysis.ts` and `analysis-node.ts`
 * add what makes a backend.
 *
 * @module
 */

export type { ArticleScore } from './analysis/article.ts';
export type { Detector, Measure, Scene, TrustedRow } from './analysis/detector.ts';
export { detectors } from './analysis/detectors/list.ts';
export type {
  ClientInspection,
  Finding,
  Inspect,
  Inspection,
  InspectOptions,
} from './analysis/inspect.ts';
export {
  type ClientMemory,
  type Memories,
  readMemories,
  type SketchOptions,
  writeMemories,
} from './analysis/memory.ts';
export type { Moments } from './analysis/statistics.ts';
export * from './rules/analysis.ts';
export { analysisRules } from './rules/analysis-list.ts';
export type { Geometry } from './rules/geometry.ts';
export type { ScreenOptions } from './screen.ts';
