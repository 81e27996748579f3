import { availableParallelism } from 'node:os';
import {
  defineConfig,
  type TestProjectInlineConfiguration,
  type ViteUserConfig,
} from 'vitest/config';
import { chromiumProvider, whyNoChromium } from './tests/support/chromium.ts';
import { LongFirst } from './tests/support/long-first.ts';
import { secureHostCommands } from './tests/support/secure-host-commands.ts';
import { servedCommands } from './tests/support/served-commands.ts';

/** What makes a page cross-origin isolated, so that it may share memory with workers. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Tests that hold processor time to limits: they run by themselves, after all others. */
const TIMED = ['tests/privacy/timing.test.ts'];

/** What every file of tests begins with. */
const SETUP = ['tests/support/typed-arrays.ts'];

/** Tests in a real Chromium with WebGPU; skipped by name where npm has none. */
function browserProject(
  name: string,
  { include, headers = {} }: { include: string; headers?: Readonly<Record<string, string>> },
): TestProjectInlineConfiguration {
  return {
    server: { headers },
    // Known beforehand, or the first test that needs it would be loaded twice.
    optimizeDeps: {
      include: [
        '@noble/ciphers/chacha.js',
        '@noble/curves/ed25519.js',
        '@noble/hashes/hkdf.js',
        '@noble/hashes/sha2.js',
        '@noble/hashes/utils.js',
      ],
    },
    test: {
      name,
      include: [include],
      setupFiles: SETUP,
      testTimeout: 60_000,
      ...(whyNoChromium === undefined
        ? {
            browser: {
              enabled: true,
              provider: chromiumProvider(),
              instances: [{ browser: 'chromium' }],
              headless: true,
              screenshotFailures: false,
              commands: { ...secureHostCommands, ...servedCommands },
              // One emulated device at a time: files that share it have been seen to disturb each
              // other.
              fileParallelism: false,
            },
          }
        : { setupFiles: [...SETUP, 'tests/support/skip-browser.ts'] }),
    },
  };
}

const config: ViteUserConfig = defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: 'node',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/browser/**', ...TIMED],
          setupFiles: [...SETUP, 'tests/support/dawn-polls.ts'],
          pool: 'forks',
          // Vitest leaves one processor free, which of two is half.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'timed',
          include: TIMED,
          setupFiles: SETUP,
          pool: 'forks',
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
        },
      },
      browserProject('browser', { include: 'tests/browser/*.test.ts' }),
      browserProject('isolated', {
        include: 'tests/browser/isolated/*.test.ts',
        headers: ISOLATION,
      }),
    ],
  },
});

export default config;
