/**
 * Every golden row of privacy is claimed by a test: which file looks at which rows. A row that nobody
 * claims fails here, so that none is ever dropped in silence.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { itShared } from '../support/shared.ts';

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly neighboring?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly result: Readonly<Record<string, unknown>>;
}

/** Rows that a test file looks at. */
interface Claim {
  /** From `tests/`. */
  readonly file: string;
  /** Which rows of the kind; by default all. */
  readonly rows?: (row: Row) => boolean;
}

const RDP = 'privacy/accountants/rdp.test.ts';
const PLD = 'privacy/accountants/pld-golden.test.ts';
const GAUSSIAN = 'privacy/accountants/gaussian.test.ts';
const ZCDP = 'privacy/accountants/zcdp.test.ts';
const SHARES = 'privacy/distributed.test.ts';
const LAWS = 'privacy/lattice/laws.test.ts';
const NOISE_PLAN = 'privacy/lattice/noise-plan.test.ts';

const byRdp: Claim = { file: RDP };
/** Where the peer's grid was wide enough. */
const byPld: Claim = { file: PLD, rows: ({ result }) => result.eps_pld !== null };

/** By golden file and kind. */
const CLAIMS: Readonly<Record<string, Readonly<Record<string, readonly Claim[]>>>> = {
  'golden/dp_accounting.json': {
    adaptive_clipping_joint_release: [byRdp],
    calibrate_sigma: [{ file: 'privacy/calibrate.test.ts' }, { file: PLD }],
    calibrate_steps: [{ file: 'privacy/calibrate.test.ts' }],
    discrete_gaussian_1d: [byRdp, byPld],
    discrete_laplace: [byRdp, byPld],
    gaussian_eps_from_sigma: [{ file: GAUSSIAN }, { file: PLD }],
    gaussian_sigma_from_eps: [{ file: GAUSSIAN }, { file: PLD }],
    heterogeneous_composition: [byRdp, byPld],
    k_ary_randomized_response: [byRdp, byPld],
    laplace: [byRdp, byPld],
    poisson_subsampled_gaussian: [
      { file: RDP, rows: ({ neighboring }) => neighboring === 'ADD_OR_REMOVE_ONE' },
      byPld,
    ],
    poisson_subsampled_gaussian_delta: [{ file: PLD }],
    poisson_subsampled_laplace: [byRdp, byPld],
    rdp_vector_poisson_gaussian_integer_orders: [byRdp],
    sampled_without_replacement_gaussian: [byRdp, { file: PLD }],
    tree_aggregation: [byRdp, { file: PLD }],
    truncated_poisson_gaussian: [byPld],
    zcdp: [byRdp],
  },
  'golden/dp_distributed.json': {
    discrete_gaussian_exact_delta_1d: [{ file: GAUSSIAN }],
    discrete_gaussian_moments: [{ file: LAWS }],
    distributed_discrete_gaussian: [{ file: SHARES }],
    eps_delta_to_rho: [{ file: ZCDP }],
    gaussian_baseline_for_distributed: [{ file: SHARES }],
    shuffle_amplification: [{ file: 'privacy/shuffle.test.ts' }],
    skellam: [{ file: SHARES }],
    skellam_rdp_vector: [{ file: SHARES }],
    stochastic_rounding_l2_bound: [{ file: SHARES }],
    zcdp_to_delta: [{ file: ZCDP }],
    zcdp_to_eps: [{ file: ZCDP }],
  },
  'golden/dp_noise_reference.json': {
    alias_table_tv: [{ file: 'privacy/lattice/alias-table.test.ts' }],
    chacha_block: [{ file: 'core/chacha20.test.ts' }],
    discrete_gaussian_pmf: [{ file: LAWS }],
    discrete_laplace_pmf: [{ file: LAWS }],
    gaussian_convolution_plan: [{ file: NOISE_PLAN }],
    philox4x32_10: [{ file: 'core/chacha20.test.ts' }],
    rdp_reference_any_order: [{ file: 'privacy/accountants/sampled-gaussian.test.ts' }],
    skellam_pmf: [{ file: LAWS }],
    tv_discrete_vs_rounded_gaussian: [{ file: NOISE_PLAN }],
  },
};

describe.each(Object.entries(CLAIMS))('%s', (golden, claims) => {
  itShared('has no row that no test claims', [golden], ([path]) => {
    const { rows } = JSON.parse(readFileSync(path!, 'utf8')) as { rows: Row[] };
    expect(rows.length).toBeGreaterThan(0);
    const unclaimed = rows.filter(
      (row) => !claims[row.kind]?.some(({ rows: some }) => some?.(row) ?? true),
    );
    expect(unclaimed.map(({ id, kind }) => `${id} (${kind})`)).toEqual([]);
    expect(Object.keys(claims).sort()).toEqual([...new Set(rows.map(({ kind }) => kind))].sort());
  });

  test.each(Object.entries(claims))('%s is named in the tests that claim it', (kind, files) => {
    for (const { file } of files) {
      const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
      expect(text, file).toContain(`'${kind}'`);
    }
  });
});
