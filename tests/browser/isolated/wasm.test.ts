import { describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/browser.ts';
import { paritySuite } from '../../backend/parity.ts';

describe('wasm in a page that is cross-origin isolated', () => {
  test('has threads', async () => {
    expect(globalThis.crossOriginIsolated).toBe(true);
    await using backend = await createBackend('wasm', { threads: 3 });
    expect(backend.info.adapter).toContain('3 threads');
  });
});

paritySuite(
  'wasm on two threads in a browser',
  (memory) => createBackend('wasm', { threads: 2, ...(memory !== undefined && { memory }) }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);

/** What a page under a content security policy makes of `script`, which sets `outcome`. */
async function underPolicy(policy: string, script: string): Promise<unknown> {
  const frame = document.createElement('iframe');
  frame.allow = 'cross-origin-isolated';
  frame.srcdoc = `
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <script type="module">
      import { createBackend } from '/src/browser.ts';
      const said = (error) => error.code + ': ' + error.message;
      let outcome;
      ${script}
      parent.postMessage({ outcome }, '*');
    </script>`;
  const answer = new Promise((resolve) => {
    addEventListener('message', ({ data }) => data?.outcome && resolve(data.outcome));
  });
  document.body.append(frame);
  try {
    return await answer;
  } finally {
    frame.remove();
  }
}

/** The median of three rows, wide enough for several units of work. */
const MEDIAN = `
  const rows = [1, 2, 9].map((value) => new Float32Array(300_000).fill(value));
  const median = await backend.read(backend.rankMean(backend.matrix(rows), 1, 2));
  const isRight = crossOriginIsolated && median.every((value) => value === 2);`;

describe('a content security policy', () => {
  test('that forbids workers leaves wasm one thread', async () => {
    const outcome = await underPolicy(
      "worker-src 'none'",
      `const backend = await createBackend('wasm', { threads: 2 });
      ${MEDIAN}
      outcome = { adapter: backend.info.adapter, isRight };`,
    );
    expect(outcome).toEqual({ adapter: 'CPU, WASM SIMD, 1 thread', isRight: true });
  });

  test('that forbids WASM leaves the reference', async () => {
    const outcome = await underPolicy(
      "script-src 'self' 'unsafe-inline'",
      `const backend = await createBackend();
      ${MEDIAN}
      outcome = { name: backend.info.name, isRight };
      outcome.wasm = await createBackend('wasm').catch(said);`,
    );
    expect(outcome).toEqual({
      name: 'reference',
      isRight: true,
      wasm: expect.stringMatching(/^unavailable: no WASM SIMD here: .*Content Security Policy/),
    });
  });
});
