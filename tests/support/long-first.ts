/**
 * The order of files: those that take longest come first, or one of them would run on by itself at the
 * end. A fresh clone knows no times; Vitest would go by the size of files, which says little.
 *
 * @module
 */

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes more than ten seconds on two processors. Those before the gap only compute: they do not
 * mind that the browsers run beside them.
 */
const LONG = [
  'secagg/fault-matrix',
  'lab/secure/hostile-enumeration',
  'lab/secure/hostile-search',
  'privacy/accountants/pld-golden',
  'privacy/accountants/pld',
  'privacy/accountants/properties',
  'lab/audit',
  'privacy/lattice/battery',
  'rules/robustness',
  'secagg/attacks',
  'secagg/traffic',

  'package/package',
  'conformance',
  'backend/webgpu/regimes',
  'federation/store/crash',
  'backend/parity',
  'cli/simulate',
  'cli/serve',
  'readme',
  'examples',
  'federation/http/crash',
  'federation/http/crash-points',
  'cli/bench',
  'cli/join',
  'backend/lattice-noise',
  'python/client',
  'lab/detection',
  'federation/secure/crash',
  'federation/served-optimizers',
  'python/adapters',
  'federation/secure/faults',
  'cli/aggregate',
  'cli/operate',
  'lab/federation-trial',
  'lab/federation-attacks',
  'rules/laws',
  'backend/packing',
  'privacy/sensitivity',
  'backend/webgpu/data-path',
  'federation/secure/serve',
  'secagg/server-failures',
  'lab/private-study',
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
