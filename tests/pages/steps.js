// What a person does, step by step.
import assert from 'node:assert/strict';
import { site } from './site.js';

const atGoogle = (page) => page.waitForURL((url) => url.href.startsWith(site.google));
export const home = (page) => page.waitForURL(`${site.url}/`);

// On Google's consent page: who they are, which boxes stay ticked, allow or deny.
export async function consent(page, account, { untick = [], deny = false } = {}) {
  await atGoogle(page);
  await page.locator('input[name=account]').fill(account);
  for (const words of untick) await page.getByLabel(words).uncheck();
  await page.locator(`[name=decision][value=${deny ? 'deny' : 'allow'}]`).click();
}

export async function signIn(page, account) {
  await page.goto(`${site.url}/`);
  await page.getByRole('link', { name: 'Sign in with Google' }).click();
  await consent(page, account);
  await page.getByRole('heading', { name: 'What shall we plan?' }).waitFor();
}

export async function toGoogle(page) {
  await page.goto(`${site.url}/connect`);
  await page.getByRole('button', { name: 'Continue to Google' }).click();
}

export async function connect(page, account, options) {
  await toGoogle(page);
  await consent(page, account, options);
  await home(page);
}

export const lastTurn = (page) => page.locator('.turn').last();
export const said = async (page) => (await lastTurn(page).locator('.said').allInnerTexts()).join('\n');
export const answered = (page) => lastTurn(page).locator('.answer:not([aria-busy])').waitFor({ timeout: 30000 });

export async function begin(page, text) {
  const before = await page.locator('.turn').count();
  await page.getByLabel('Your message').fill(text);
  await page.keyboard.press('Enter');
  await page.locator('.turn').nth(before).waitFor();
}

// Asks, and waits for the whole answer.
export async function ask(page, text) {
  await begin(page, text);
  await answered(page);
  assert.equal(await lastTurn(page).locator('.trouble').count(), 0, `${text}: ${await lastTurn(page).innerText()}`);
  return said(page);
}

// One sentence that is there, and there once.
export function onceIn(text, words) {
  assert.equal(text.split(words).length - 1, 1, `"${words}" not once in: ${text}`);
}
