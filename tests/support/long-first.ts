/**
 * The order of files: those that take longest come first, or one of them would run on by itself at the
 * end. A fresh clone knows no times; Vitest would go by the size of files, which says little.
 *
 * @module
 */

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes more than some seconds on two processors. Those before the gap only compute, in tests that
 * are short one by one: they do not mind that the browsers run beside them.
 */
const LONG = [
  'secagg/fault-matrix',
  'lab/secure/hostile-enumeration',
  'privacy/accountants/pld-golden',
  'privacy/accountants/pld',
  'privacy/accountants/properties',
  'privacy/lattice/battery',
  'rules/robustness',
  'secagg/attacks',

  'package/package',
  'conformance',
  'lab/secure/hostile-search',
  'cli/simulate',
  'readme',
  'examples',
  'backend/webgpu/regimes',
  'cli/bench',
  'lab/audit',
  'backend/parity',
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
  'federation/store/crash',
  'privacy/sensitivity',
  'federation/secure/serve',
  'secagg/server-failures',
  'lab/private-study',
  'cli/operate',
];

const PLACES = new Map(LONG.map((name, place) => [`tests/${name}.test.ts`, place]));

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number =>
      PLACES.get(relative(this.ctx.config.root, moduleId)) ?? LONG.length;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => placeOf(a) - placeOf(b));
  }
}
