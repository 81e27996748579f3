/**
 * The order of files: those that take longest come first, or one of them would run on by itself at the
 * end. A fresh clone knows no times; Vitest would go by the size of files, which says little.
 *
 * @module
 */

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes more than some seconds on two processors, by how long it takes. */
const LONG = [
  'package/package',
  'conformance',
  'secagg/fault-matrix',
  'lab/secure/hostile-search',
  'cli/simulate',
  'lab/secure/hostile-enumeration',
  'backend/webgpu/regimes',
  'backend/parity',
  'readme',
  'examples',
  'privacy/accountants/pld-golden',
  'cli/bench',
  'privacy/accountants/properties',
  'privacy/accountants/pld',
  'lab/audit',
  'cli/join',
  'backend/lattice-noise',
  'python/client',
  'lab/detection',
  'federation/http/crash-points',
  'federation/served-optimizers',
  'federation/secure/faults',
  'cli/serve',
  'federation/http/crash',
  'cli/aggregate',
  'secagg/traffic',
  'lab/federation-trial',
  'lab/federation-attacks',
  'rules/laws',
  'rules/robustness',
  'secagg/attacks',
  'privacy/lattice/battery',
  'federation/store/crash',
  'privacy/sensitivity',
  'federation/secure/serve',
  'secagg/server-failures',
  'lab/private-study',
  'cli/operate',
];

const PLACES = new Map(LONG.map((name, place) => [`tests/${name}.test.ts`, place]));

/** Vitest's own order, but for what is named above. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number =>
      PLACES.get(relative(this.ctx.config.root, moduleId)) ?? LONG.length;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => placeOf(a) - placeOf(b));
  }
}
