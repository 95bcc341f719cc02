// Browsers for the tests: what every page must keep to is watched here, whatever a test is about.
import assert from 'node:assert/strict';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { site } from './site.js';

export const sizes = {
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS });

// Collected in the page, since neither outlives it otherwise.
function watch() {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push({ value: one.value, what: one.sources.map((s) => s.node?.className || s.node?.nodeName) });
  }).observe({ type: 'layout-shift', buffered: true });
  document.addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
}

// A browser of a person of its own: {page, context, faults, expected, close}. `faults` fills with what must not
// happen on any page: errors on the console, violations of the policy, requests to anyone but Cloister and
// Google. `expected`: statuses that a test provokes.
export async function open(browser, size, more = {}) {
  const context = await browser.newContext({ ...sizes[size], ignoreHTTPSErrors: true, locale: 'en-GB', timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce', ...more });
  context.setDefaultTimeout(15000);
  const faults = [], expected = new Set();
  await context.addInitScript(watch);
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(`exception: ${error.stack}`));
  page.on('console', (message) => {
    const refused = /status of (\d+)/.exec(message.text());
    const ours = [site.url, site.public].some((origin) => message.location().url.startsWith(origin));
    if (ours && ['error', 'warning'].includes(message.type()) && !(refused && expected.has(Number(refused[1])))
      && !(expected.has('offline') && /net::ERR_/.test(message.text()))) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (![site.url, site.public, site.google].some((origin) => request.url().startsWith(`${origin}/`)) && !/^(about|data|blob):/.test(request.url()))
      faults.push(`request to ${request.url()}`);
  });
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, context, faults, expected, size, close };
}

export const shifted = (page) => page.evaluate(() => ({ sum: window.shifts.reduce((all, one) => all + one.value, 0), what: window.shifts }));

export async function violations(page, options = {}) {
  if (!await page.evaluate(() => Boolean(window.axe))) await page.evaluate(`${axe.source}; undefined`);
  const { violations } = await page.evaluate((given) => window.axe.run(given), { resultTypes: ['violations'], ...options });
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ').slice(0, 300)} ${one.nodes[0].failureSummary}`);
}

// The page as it is now, light and dark: a picture of each, and no violation of accessibility rules. Of these
// only the contrast depends on the colours.
export async function look({ page, size }, name) {
  for (const [colorScheme, options] of [['light', {}], ['dark', { runOnly: ['color-contrast'] }]]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${process.env.CLOISTER_ARTIFACTS}/${name}-${size}-${colorScheme}.png`, fullPage: page.url() !== `${site.url}/` });
    assert.deepEqual(await violations(page, options), [], `${name}, ${size}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}, ${size}: ${wide} px too wide`);
}
