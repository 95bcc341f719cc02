// What is remembered: seen, corrected and deleted, in the panel and as a page without scripts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from '../browser.js';
import { newAccount, site } from '../site.js';
import { ask, connect, signIn } from '../steps.js';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

async function remembering(size, ...texts) {
  const account = await newAccount();
  const who = await open(browser, size);
  await signIn(who.page, account);
  await connect(who.page, account);
  for (const text of texts) await ask(who.page, `Remember that ${text}`);
  return who;
}

test('corrected in the panel', async () => {
  const who = await remembering('phone', 'I like mornings');
  const { page } = who;
  await page.getByRole('button', { name: 'Memory' }).click();
  await page.getByRole('button', { name: /^Correct: .*mornings/ }).click();
  const field = page.getByLabel('What is to be remembered');
  assert.match(await field.inputValue(), /mornings/);
  await look(who, '40-memory-correct');
  await page.getByRole('button', { name: 'Keep as it is' }).click();
  await page.getByRole('button', { name: /^Correct: / }).click();
  await field.fill('I like late\nafternoons');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#memory').getByText('I like late afternoons').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Memory' }).click();
  await page.locator('#memory').getByText('I like late afternoons').waitFor();
  assert.equal(await page.locator('#memory .facets li').count(), 1);
  await who.close();
});

// The same person's browser with scripts switched off.
async function withoutScripts(who) {
  const plain = await open(browser, who.size, { javaScriptEnabled: false, storageState: await who.context.storageState() });
  await plain.page.goto(`${site.url}/memory`);
  return plain;
}

for (const size of ['phone', 'desktop'])
  test(`a page that needs no scripts: ${size}`, async () => {
    const who = await remembering(size, 'I like mornings', 'my "office" is <b>upstairs</b> & far');
    await who.page.goto(`${site.url}/memory`);
    await who.page.getByRole('heading', { name: 'What Cloister remembers' }).waitFor();
    await look(who, '41-memory-page');
    const plain = await withoutScripts(who);
    const { page } = plain;
    const notes = page.locator('.notes li');
    assert.equal(await notes.count(), 2);
    assert.match(await notes.nth(1).getByRole('textbox').inputValue(), /"office" is <b>upstairs<\/b> & far/);
    await notes.nth(0).getByRole('textbox').fill('I like evenings');
    await notes.nth(0).getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^Saved\./).waitFor();
    assert.equal(await notes.nth(0).getByRole('textbox').inputValue(), 'I like evenings');
    await notes.nth(1).getByRole('button', { name: 'Delete' }).click();
    await page.getByText(/^Deleted\./).waitFor();
    assert.equal(await notes.count(), 1);
    await page.getByLabel(/Delete everything/).check();
    await page.getByRole('button', { name: 'Delete all' }).click();
    await page.getByText('Everything is deleted.').waitFor();
    assert.equal(await notes.count(), 0);
    await page.getByText('Nothing is remembered.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.goto(`${site.url}/memory`);
    assert.notEqual(new URL(page.url()).pathname, '/memory');
    await plain.close();
    await who.close();
  });
