/**
 * Skips every test of the project by name; set up where the browser tests have no browser.
 *
 * @module
 */

import { beforeEach } from 'vitest';
import { whyNoChromium } from './chromium.ts';

beforeEach((context) => context.skip(whyNoChromium));
