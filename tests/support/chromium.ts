/**
 * A real Chromium with an emulated GPU for the browser tests: unpacked out of the npm package
 * `@sparticuz/chromium` with the libraries that a bare Linux lacks. Linux x64 only.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { playwright } from '@vitest/browser-playwright';
import { brotliFile } from '../../src/backend/webgpu/swiftshader.ts';
import { untar } from '../../src/backend/webgpu/untar.ts';
import { type FileSet, messageOf, useVerified } from '../../src/backend/webgpu/verified-files.ts';

/** Of @sparticuz/chromium 143.0.4: the browser, its GPU libraries, and NSS, NSPR and Expat. */
const CHROMIUM: FileSet = {
  name: 'chromium',
  hashes: new Map([
    ['chromium', '52bfc7e573cc3d0f1647ef4c10e646c47ae7bf5f9a7e8c0f7832abd961fb5c0c'],
    ['libEGL.so', '5c9f7d71a58b0cf0fb1a5583bd56089381da73c174253b7434cd60aceabde50b'],
    ['libGLESv2.so', '64509369b7e4d31fc412776e2be6a604ea994506e7f59106dcda7ca0fc5407dd'],
    ['libvk_swiftshader.so', '55571f337145a70e32bb64f07ceb413796cc7e9dc1ecac2144728777faf75c8c'],
    ['libvulkan.so.1', '858e4d3fd0fc5d1409f9c9c076e7611c0967459bab153c5cb4ec81124a24e53c'],
    ['vk_swiftshader_icd.json', 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd'],
    ['libexpat.so.1', 'f5d2a5548685b01339172be830474e465077f6ebf922cd60982d1f9bff502bf2'],
    ['libfreebl3.chk', '80a329bfb6616c408bb70a17710cd6a512100a6bb5f902abb6f5f988698e5a37'],
    ['libfreebl3.so', '1007112117baaee58ebf2f0b361bd1ed9e434d458117028ed01b17a6ca24d0e6'],
    ['libfreeblpriv3.chk', '3c153b3932171c30c40d50d1d613f5a39b685289a750df25fb6989440001cb32'],
    ['libfreeblpriv3.so', '67bff729addafde4b3c904716fccca876fc5637e8c475caca00ad60a08cc2313'],
    ['libnspr4.so', 'b7ddec11e9e21e4025c0b911b55e880afbb04d12a00f1f3736245ce85f62827f'],
    ['libnss3.so', '1719436d5424fd9b2dece28435621198cca05d0ecc5539f443f090d411a460c0'],
    ['libnssutil3.so', 'c2a72f8ebdf5629c7bde24db372bee5dcdd074a32cae3910ac4a2a85fd5485a4'],
    ['libplc4.so', '5ecfb0db51ce18c5ec6b187c3ccda03c467b2dfdaa939fe579f8a54531b9519f'],
    ['libplds4.so', '05eb3c4b52b5706a8c5535cc4fa39aaa9d26e02ecb9340b03d841bf038b73e21'],
    ['libsoftokn3.chk', 'dc9160cb612d48e4c3a3209341db43ff27c8c3110bac26344f0bb8fb182ad6d6'],
    ['libsoftokn3.so', 'd410831e2062ef05e6d5efdc69e159ace89d2f41670e0a859ea294d6f06c82de'],
  ]),
  unpack: async () => {
    const flat = ([name, bytes]: [string, Uint8Array]): [string, Uint8Array] => [
      name.replace(/^lib\//, ''),
      bytes,
    ];
    return new Map([
      ['chromium', await brotliFile('chromium.br')],
      ...untar(await brotliFile('swiftshader.tar.br')),
      ...[...untar(await brotliFile('al2023.tar.br'))].map(flat),
    ]);
  },
};

/** Why no Chromium can be started on this kind of machine; `undefined` where it can. */
export const whyNoChromium: string | undefined =
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : `the Chromium out of npm is for Linux x64, this is ${process.platform} ${process.arch}`;

/** How Playwright starts the browser. */
interface ChromiumLaunch {
  readonly executablePath: string;
  readonly args: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Runs the browser once, so that a missing library is named before any test waits for a page. */
function assertStarts({ executablePath, env }: ChromiumLaunch): void {
  const { status, error, stderr } = spawnSync(executablePath, ['--version'], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status !== 0) throw error ?? new Error(stderr.trim() || `it exits with ${status}`);
}

function launchFrom(folder: string): ChromiumLaunch {
  const launch = {
    executablePath: join(folder, 'chromium'),
    // Root has no sandbox; the others make Chromium offer its emulated GPU to WebGPU.
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan,WebGPU',
      '--ignore-gpu-blocklist',
    ],
    env: { ...process.env, LD_LIBRARY_PATH: folder },
  };
  assertStarts(launch);
  return launch;
}

/**
 * Unpacks Chromium where needed (2 s, 200 MB in the user's cache; 0.2 s from then on) and tries it.
 *
 * @throws {Error} that says what is missing.
 */
async function prepareChromium(): Promise<ChromiumLaunch> {
  try {
    return await useVerified(CHROMIUM, launchFrom);
  } catch (cause) {
    throw new Error(`Chromium cannot be started: ${messageOf(cause)}`, { cause });
  }
}

/** Vitest's Playwright provider, which prepares Chromium when the first page is opened. */
export function chromiumProvider(): ReturnType<typeof playwright> {
  const options: NonNullable<Parameters<typeof playwright>[0]> = {};
  const provider = playwright(options);
  return {
    ...provider,
    providerFactory(project) {
      const browser = provider.providerFactory(project);
      const openPage = browser.openPage.bind(browser);
      browser.openPage = async (...page) => {
        options.launchOptions ??= await prepareChromium();
        return openPage(...page);
      };
      return browser;
    },
  };
}
