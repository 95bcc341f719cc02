// The main path by keyboard alone: no pointer touches anything.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from '../browser.js';
import { newAccount, site, until } from '../site.js';
import { answered, home, lastTurn, said } from '../steps.js';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const focused = (page) => page.evaluate(() => {
  const node = document.activeElement;
  return `${node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent || node.name || ''}`.trim();
});

// Presses Tab until the focus is on what is called `words`, and checks that it can be seen there.
async function tabTo(page, words) {
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)).startsWith(words)) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement.closest('form') || document.body).borderTopColor);
      assert.ok(outline !== 'none' || ring, `${words} shows the focus`);
      return;
    }
  }
  assert.fail(`the Tab key never comes to "${words}"`);
}

test('everything by keyboard', async () => {
  const account = await newAccount();
  const who = await open(browser, 'desktop');
  const { page } = who;
  await page.goto(`${site.url}/`);
  await tabTo(page, 'Sign in with Google');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.href.startsWith(site.google));
  await page.locator('input[name=account]').focus();
  await page.keyboard.type(account);
  await page.keyboard.press('Enter');
  await home(page);
  await page.getByRole('link', { name: 'Connect Google Calendar' }).waitFor();
  await tabTo(page, 'Connect Google Calendar');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Connect Google Calendar' }).waitFor();
  await tabTo(page, 'See when you are free');
  await page.keyboard.press('Space');
  assert.equal(await page.getByLabel('See when you are free').isChecked(), false);
  await page.keyboard.press('Space');
  await tabTo(page, 'Continue to Google');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.href.startsWith(site.google));
  await page.locator('input[name=account]').focus();
  await page.keyboard.type(account);
  await page.keyboard.press('Enter');
  await home(page);

  // The message has the focus; Shift+Enter makes a line, Enter sends.
  await until(async () => await focused(page) === 'Your message', 'the focus on the message');
  await page.keyboard.type('Remember that I like mornings');
  await page.keyboard.press('Shift+Enter');
  assert.equal(await page.getByLabel('Your message').inputValue(), 'Remember that I like mornings\n');
  await page.keyboard.press('Enter');
  await lastTurn(page).waitFor();
  await answered(page);
  assert.ok(await said(page));
  assert.equal(await focused(page), 'Your message');

  // A panel keeps the focus, Escape closes it, and the focus is where it was.
  await page.keyboard.press('Shift+Tab');
  await tabTo(page, 'Your message');
  for (let n = 0; n < 12 && await focused(page) !== 'Memory'; n++) await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /^Delete: / }).waitFor();
  await tabTo(page, 'Delete: ');
  for (let n = 0; n < 8; n++) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))), 'the focus stays in the panel');
  }
  await tabTo(page, 'Delete: ');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is remembered.').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#memory').isVisible(), false);
  assert.equal(await focused(page), 'Memory');

  await tabTo(page, 'Account');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Sign out');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Sign in with Google' }).waitFor();
  await who.close();
});
