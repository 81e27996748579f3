import {
  defineConfig,
  type TestProjectInlineConfiguration,
  type ViteUserConfig,
} from 'vitest/config';
import { chromiumProvider, whyNoChromium } from './tests/support/chromium.ts';

/** `tests/browser/` in a real Chromium with WebGPU; skipped by name where npm has none. */
const browser: TestProjectInlineConfiguration = {
  test: {
    name: 'browser',
    include: ['tests/browser/**/*.test.ts'],
    testTimeout: 60_000,
    ...(whyNoChromium === undefined
      ? {
          browser: {
            enabled: true,
            provider: chromiumProvider(),
            instances: [{ browser: 'chromium' }],
            headless: true,
            screenshotFailures: false,
            // One emulated device at a time: files that share it have been seen to disturb each other.
            fileParallelism: false,
          },
        }
      : { setupFiles: ['tests/support/skip-browser.ts'] }),
  },
};

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/browser/**'],
          pool: 'forks',
          testTimeout: 60_000,
        },
      },
      browser,
    ],
  },
});

export default config;
