import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Adversary,
  checkParameters,
  type FoundParameters,
  findParameters,
  leastThreshold,
  type Requirements,
} from '../../src/secagg/parameters.ts';

const SPARSE = { graph: 'harary', adversary: 'malicious', sigma: 40, eta: 20 } as const;

/** k/t of the Harary graph. */
function found(requirements: Partial<Requirements>): string {
  const { k, t } = findParameters({
    ...SPARSE,
    clients: 1000,
    corrupt: 0.1,
    dropout: 0.1,
    ...requirements,
  });
  return `${k}/${t}`;
}

describe('In a complete graph', () => {
  test.each([
    [10, '6/3', '7/2'],
    [20, '11/8', '13/6'],
    [50, '28/21', '33/16'],
    [100, '55/44', '67/32'],
    [200, '110/89', '133/66'],
    [256, '141/114', '171/84'],
  ])(
    'of %d clients, t/d is %s where a tenth is corrupt and %s where a third is',
    (clients, tenth, third) => {
      for (const [corrupt, expected] of [
        [0.1, tenth],
        [1 / 3, third],
      ] as const) {
        const parameters = findParameters({ clients, corrupt, dropout: 0.1, sigma: 40, eta: 20 });
        expect(parameters).toMatchObject({ graph: 'complete', k: clients - 1 });
        expect(`${parameters.t}/${parameters.toleratedDropouts}`).toBe(expected);
      }
    },
  );

  test('t is above two thirds of n while less than a third is corrupt', () => {
    for (let n = 4; n <= 300; n++) {
      const c = Math.ceil(n / 3) - 1;
      // Of n − 1 neighbours and oneself.
      expect(3 * (leastThreshold(n - 1, { c, adversary: 'malicious' }) + 1)).toBeGreaterThan(
        2 * (n - 1),
      );
    }
  });
});

describe('In a Harary graph', () => {
  const sizes = [100, 300, 1000, 3000, 10_000, 100_000, 1_000_000];
  test.each([
    [0.05, 0.05, ['16/11', '38/27', '52/37', '58/41', '62/44', '68/48', '74/52']],
    [0.05, 0.1, ['26/16', '52/34', '78/52', '86/57', '96/64', '106/70', '114/75']],
    [0.1, 0.1, ['32/22', '66/46', '96/67', '112/78', '122/85', '134/93', '146/101']],
    [0.2, 0.2, ['62/42', '160/109', '302/206', '408/278', '482/328', '552/375', '600/407']],
    [0.05, 0.3, ['66/36', '152/84', '314/179', '432/247', '522/299', '602/344', '662/378']],
    [0.1, 0.3, ['72/42', '186/109', '414/247', '624/373', '778/465', '926/553', '1016/606']],
    [0.33, 0.1, ['54/44', '130/103', '218/171', '270/211', '310/242', '348/271', '380/295']],
  ])('at σ = 40, γ = %d and δ = %d, k/t are those of the design', (corrupt, dropout, expected) => {
    expect(sizes.map((clients) => found({ clients, corrupt, dropout }))).toEqual(expected);
  });

  test.each([
    [0.05, 0.05, ['16/11', '38/27', '66/49', '82/61', '88/65', '94/69']],
    [0.1, 0.1, ['32/22', '76/54', '120/87', '156/113', '172/124', '184/132']],
    [0.2, 0.2, ['62/42', '166/114', '356/248', '610/424', '698/484', '750/519']],
    [0.1, 0.3, ['72/42', '186/109', '450/272', '944/574', '1130/686', '1234/748']],
  ])('at σ = 80, γ = %d and δ = %d, k/t are those of the design', (corrupt, dropout, expected) => {
    const without3000 = sizes.filter((clients) => clients !== 3000);
    expect(without3000.map((clients) => found({ clients, corrupt, dropout, sigma: 80 }))).toEqual(
      expected,
    );
  });

  test.each([
    [0.1, 0.1, 1000, '48/27'],
    [0.1, 0.1, 10_000, '54/31'],
    [0.1, 0.1, 1_000_000, '64/36'],
    [0.1, 0.3, 1000, '88/36'],
    [0.1, 0.3, 1_000_000, '130/52'],
    [0.2, 0.2, 1000, '98/54'],
    [0.2, 0.2, 1_000_000, '144/78'],
  ])(
    'against a curious server, γ = %d, δ = %d, n = %d: %s',
    (corrupt, dropout, clients, expected) => {
      expect(found({ clients, corrupt, dropout, adversary: 'honest-but-curious' })).toBe(expected);
    },
  );

  // What the tests of google-parfait/federated-compute expect: fcp/secagg/server,
  // graph_parameter_finder_test.cc, at σ = 40 and η = 20. Its semi-malicious server is ours that may
  // lie: t = ⌊(k + c)/2⌋ + 1 there too. Its cases without an adversary are those of a curious server
  // without corrupt clients.
  const published: {
    corrupt: number;
    dropout: number;
    adversary: Adversary;
    expected: [clients: number, k: number, t: number][];
  }[] = [
    {
      corrupt: 0.45,
      dropout: 0.45,
      adversary: 'honest-but-curious',
      expected: [
        [100, 92, 46],
        [1000, 822, 417],
        [10000, 3494, 1771],
        [100000, 5508, 2788],
        [1000000, 6240, 3156],
      ],
    },
    {
      corrupt: 0.33,
      dropout: 0.33,
      adversary: 'honest-but-curious',
      expected: [
        [10, 8, 4],
        [100, 68, 34],
        [1000, 286, 150],
        [10000, 422, 221],
        [100000, 480, 251],
        [1000000, 518, 270],
      ],
    },
    {
      corrupt: 0.3,
      dropout: 0.3,
      adversary: 'malicious',
      expected: [
        [100, 92, 62],
        [1000, 872, 584],
        [10000, 4822, 3230],
        [100000, 9388, 6286],
        [1000000, 11136, 7454],
      ],
    },
    {
      corrupt: 0.05,
      dropout: 0.33,
      adversary: 'honest-but-curious',
      expected: [
        [10, 4, 2],
        [100, 28, 6],
        [1000, 72, 24],
        [10000, 86, 29],
        [100000, 96, 32],
        [1000000, 102, 34],
      ],
    },
    {
      corrupt: 0.05,
      dropout: 0.33,
      adversary: 'malicious',
      expected: [
        [10, 8, 5],
        [100, 72, 39],
        [1000, 398, 223],
        [10000, 746, 420],
        [100000, 882, 496],
        [1000000, 970, 545],
      ],
    },
    {
      corrupt: 0.33,
      dropout: 0.05,
      adversary: 'honest-but-curious',
      expected: [
        [10, 4, 4],
        [100, 34, 29],
        [1000, 78, 60],
        [10000, 92, 70],
        [100000, 102, 77],
        [1000000, 110, 83],
      ],
    },
    {
      corrupt: 0.33,
      dropout: 0.05,
      adversary: 'malicious',
      expected: [
        [10, 4, 4],
        [100, 42, 37],
        [1000, 132, 109],
        [10000, 178, 146],
        [100000, 196, 160],
        [1000000, 212, 173],
      ],
    },
    {
      corrupt: 0.05,
      dropout: 0.05,
      adversary: 'honest-but-curious',
      expected: [
        [10, 2, 2],
        [100, 12, 6],
        [1000, 30, 17],
        [10000, 34, 20],
        [100000, 36, 21],
        [1000000, 38, 22],
      ],
    },
    {
      corrupt: 0.05,
      dropout: 0.05,
      adversary: 'malicious',
      expected: [
        [10, 2, 2],
        [100, 16, 11],
        [1000, 52, 37],
        [10000, 62, 44],
        [100000, 68, 48],
        [1000000, 74, 52],
      ],
    },
    {
      corrupt: 0.33,
      dropout: 0,
      adversary: 'honest-but-curious',
      expected: [
        [10, 4, 4],
        [100, 26, 25],
        [1000, 38, 36],
        [10000, 42, 40],
        [100000, 46, 44],
        [1000000, 50, 47],
      ],
    },
    {
      corrupt: 0.33,
      dropout: 0,
      adversary: 'malicious',
      expected: [
        [10, 4, 4],
        [100, 26, 26],
        [1000, 38, 37],
        [10000, 42, 41],
        [100000, 46, 45],
        [1000000, 50, 49],
      ],
    },
    {
      corrupt: 0,
      dropout: 0.33,
      adversary: 'honest-but-curious',
      expected: [
        [10, 4, 2],
        [100, 26, 2],
        [1000, 38, 2],
        [10000, 42, 2],
        [100000, 46, 2],
        [1000000, 50, 2],
      ],
    },
    {
      corrupt: 0,
      dropout: 0.33,
      adversary: 'malicious',
      expected: [
        [10, 8, 5],
        [100, 68, 35],
        [1000, 228, 115],
        [10000, 326, 164],
        [100000, 372, 187],
        [1000000, 410, 206],
      ],
    },
    {
      corrupt: 0,
      dropout: 0,
      adversary: 'honest-but-curious',
      expected: [
        [10, 2, 2],
        [100, 2, 2],
        [1000, 2, 2],
        [10000, 2, 2],
        [100000, 2, 2],
        [1000000, 2, 2],
      ],
    },
    {
      corrupt: 0,
      dropout: 0,
      adversary: 'malicious',
      expected: [
        [10, 2, 2],
        [100, 2, 2],
        [1000, 2, 2],
        [10000, 2, 2],
        [100000, 2, 2],
        [1000000, 2, 2],
      ],
    },
  ];
  // There the threshold is raised to 2 after it was held against the dropouts: of k = 4, three may
  // drop out, and the one share that is left is not enough.
  const ours: Record<string, string> = {
    '10 0.05 0.33 honest-but-curious': '6/2',
    '10 0 0.33 honest-but-curious': '6/2',
  };

  test.each(published)(
    'γ = $corrupt, δ = $dropout, $adversary: Google’s expectations',
    ({ expected, ...rest }) => {
      for (const [clients, k, t] of expected) {
        const name = [clients, rest.corrupt, rest.dropout, rest.adversary].join(' ');
        expect(found({ clients, ...rest }), name).toBe(ours[name] ?? `${k}/${t}`);
      }
    },
  );

  test('corruption is cheap, dropouts are dear, and neither ever lowers the degree', () => {
    const degree = (requirements: Partial<Requirements>): number =>
      Number(found(requirements).split('/')[0]);
    for (let i = 1; i < 6; i++) {
      expect(degree({ corrupt: 0.05 * (i + 1) })).toBeGreaterThanOrEqual(
        degree({ corrupt: 0.05 * i }),
      );
      expect(degree({ dropout: 0.05 * (i + 1) })).toBeGreaterThanOrEqual(
        degree({ dropout: 0.05 * i }),
      );
      expect(degree({ sigma: 20 * (i + 1) })).toBeGreaterThanOrEqual(degree({ sigma: 20 * i }));
    }
    expect(degree({ dropout: 0.3 })).toBeGreaterThan(degree({ corrupt: 0.3 }));
  });
});

describe('The graph', () => {
  const needs = { corrupt: 0.1, dropout: 0.1, sigma: 40, eta: 20 };

  test('is complete up to 256 clients, and sparse above', () => {
    expect(findParameters({ clients: 256, ...needs }).graph).toBe('complete');
    expect(findParameters({ clients: 257, ...needs })).toMatchObject({ graph: 'harary', k: 62 });
  });

  test('is complete also above where no sparse one will do', () => {
    const harder = {
      ...needs,
      clients: 257,
      corrupt: 0.34,
      dropout: 0.33,
      adversary: 'malicious',
    } as const;
    expect(() => findParameters({ ...harder, graph: 'harary' })).toThrow(
      expect.objectContaining({
        code: 'infeasible',
        message: expect.stringMatching(/no even degree below 256/),
      }),
    );
    expect(findParameters(harder)).toMatchObject({ graph: 'complete', k: 256, c: 87, t: 172 });
  });

  test('is refused with the numbers where there is none', () => {
    expect(() => findParameters({ ...needs, clients: 10, dropout: 0.4 })).toThrow(
      expect.objectContaining({
        code: 'infeasible',
        message:
          't ≤ k − d does not hold: t = 6, k = 9 (c = 1 of them corrupt), d = 4 that may drop out, ' +
          'for 10 clients, of whom 1 collude with a malicious server and 4 drop out, at σ = 40, η = 20',
      }),
    );
    expect(() => findParameters({ ...needs, clients: 100_000, graph: 'complete' })).toThrow(
      /65535 shares/,
    );
  });

  test('comes of exact fractions of n', () => {
    // 0.29·100 is 28.999999999999996 in doubles.
    expect(findParameters({ ...needs, clients: 100, corrupt: 0.29 }).c).toBe(29);
    expect(findParameters({ ...needs, clients: 100, dropout: 0.29 }).dropped).toBe(29);
    // As millionths: 333333.
    expect(findParameters({ ...needs, clients: 150, corrupt: 1 / 3 }).c).toBe(49);
  });

  test.each([
    [{ clients: 2 }, RangeError],
    [{ clients: 10.5 }, TypeError],
    [{ corrupt: 1 }, RangeError],
    [{ corrupt: -0.1 }, RangeError],
    [{ dropout: Number.NaN }, TypeError],
    [{ dropout: 0.9999999 }, RangeError],
    [{ sigma: 0 }, RangeError],
    [{ eta: 257 }, RangeError],
    [{ adversary: 'nice' as Adversary }, RangeError],
    [{ gamma: 0.1 }, TypeError],
  ])('is not looked for with %o', (bad, error) => {
    expect(() => findParameters({ clients: 100, ...needs, ...bad })).toThrow(error);
  });
});

describe('Proposed parameters', () => {
  const needs = { clients: 1000, corrupt: 0.1, dropout: 0.1, sigma: 40, eta: 20 };
  const faults = (proposed: Partial<FoundParameters>): string[] =>
    checkParameters(needs, { graph: 'harary', k: 96, t: 67, ...proposed }).map(
      (f) => f.requirement,
    );

  test('that were found do not fall short', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 3000 }),
        fc.integer({ min: 0, max: 25 }),
        fc.integer({ min: 0, max: 20 }),
        (clients, corrupt, dropout) => {
          const some = { ...needs, clients, corrupt: corrupt / 100, dropout: dropout / 100 };
          expect(checkParameters(some, findParameters(some))).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('that are weaker are named with the inequality and its numbers', () => {
    expect(faults({})).toEqual([]);
    expect(checkParameters(needs, { graph: 'harary', k: 96, t: 66 })).toEqual([
      {
        requirement: 'privacy',
        message: '2t > k + c does not hold: t = 66, k = 96, c = 37 corrupt neighbours',
      },
    ]);
    expect(checkParameters(needs, { graph: 'harary', k: 96, t: 72 })).toEqual([
      {
        requirement: 'liveness',
        message:
          't ≤ k − d does not hold: t = 72, k = 96 (c = 37 of them corrupt), d = 29 that may drop out',
      },
    ]);
    expect(faults({ k: 94, t: 66 })).toEqual(['liveness']);
    expect(faults({ k: 12, t: 12 })).toEqual(['connected', 'privacy', 'liveness']);
  });

  test('may be stronger: a greater degree, or the complete graph', () => {
    expect(faults({ k: 98, t: 68 })).toEqual([]);
    expect(faults({ graph: 'complete', k: 999, t: 550 })).toEqual([]);
    expect(faults({ graph: 'complete', k: 999, t: 549 })).toEqual(['privacy']);
  });

  test('that are no graph of these clients are refused without an exception', () => {
    for (const bad of [
      { k: 97 },
      { k: 0 },
      { k: -2 },
      { k: 1000 },
      { k: 96.5 },
      { k: Number.NaN },
      { t: 1 },
      { t: 97 },
      { t: Number.POSITIVE_INFINITY },
      { graph: 'complete' as const, k: 998 },
      { graph: 'star' as 'harary' },
    ]) {
      expect(faults(bad), JSON.stringify(bad)).toEqual(['shape']);
    }
  });
});

describe('a ring of which no arc can be summed alone', () => {
  const assumed = { corrupt: 0.1, dropout: 0.1, eta: 20 } as const;

  test('has t > k/2 + c + 1 and 3t > 2k + 2c + 1, and is not of the least degree', () => {
    for (const sigma of [40, 80]) {
      for (const clients of [300, 1000, 10_000]) {
        const terms = { ...assumed, clients, sigma, graph: 'harary' } as const;
        const thin = findParameters(terms);
        const { k, t, c, dropped } = findParameters({ ...terms, arcSafe: true });
        expect(2 * t).toBeGreaterThan(k + 2 * c + 2);
        expect(3 * t).toBeGreaterThan(2 * k + 2 * c + 1);
        expect(t).toBeLessThanOrEqual(k - dropped);
        expect(k).toBeGreaterThan(thin.k);
        expect(
          checkParameters({ ...assumed, clients, sigma, arcSafe: true }, { graph: 'harary', k, t }),
        ).toEqual([]);
      }
    }
  });

  test('is not what 2t > k + c gives', () => {
    const proposed = { graph: 'harary', k: 96, t: 67 } as const;
    const needs = { ...assumed, clients: 1000, sigma: 40 };
    expect(checkParameters(needs, proposed)).toEqual([]);
    const [shortfall] = checkParameters({ ...needs, arcSafe: true }, proposed);
    expect(shortfall).toMatchObject({ requirement: 'privacy' });
    expect(shortfall!.message).toContain('t = 67, k = 96, c = 37');
  });
});
