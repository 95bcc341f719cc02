// What people and models write: words longer than the window, other scripts, narrow windows.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from '../browser.js';
import { newAccount } from '../site.js';
import { answered, begin, connect, lastTurn, signIn } from '../steps.js';

const LONG = 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(12);
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

// Signed in and connected; every question is answered with `text`.
async function answering(size, text, more = {}) {
  const account = await newAccount();
  const who = await open(browser, size, more);
  await signIn(who.page, account);
  await connect(who.page, account);
  const stream = [['delta', { text }], ['done', { turn: 'x', usage: {} }]].map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  await who.page.route('**/v1/chat', (route) => route.fulfill({ status: 200, contentType: 'text/event-stream', body: stream.join('') }));
  return who;
}

// What reaches over the window's right edge; scrolled away or cut off, nobody could read it.
const over = (page) => page.evaluate(() => [...document.querySelectorAll('main *')]
  .filter((one) => !one.closest('.unseen, [hidden], svg') && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((one) => `${one.tagName}.${one.className}`));

for (const size of ['phone', 'desktop']) {
  test(`a word longer than the window breaks: ${size}`, async () => {
    const who = await answering(size, `${LONG}\n- ${LONG}`);
    await begin(who.page, LONG);
    await answered(who.page);
    assert.deepEqual(await over(who.page), []);
    await look(who, '22-long-words');
    await who.close();
  });
}

test('each paragraph is written in its own direction', async () => {
  const who = await answering('phone', 'أنت متاح غدا.\n- أولا\nYou are free.');
  await begin(who.page, 'متى أكون متاحا غدا؟');
  await answered(who.page);
  const directions = (which) => (lastTurn(who.page).locator(which)).evaluateAll((all) => all.map((one) => getComputedStyle(one).direction));
  assert.deepEqual(await directions('.asked'), ['rtl']);
  assert.deepEqual(await directions('.said p'), ['rtl', 'rtl', 'ltr']);
  await look(who, '23-right-to-left');
  await who.close();
});

test('nothing is cut off in a window 320 wide', async () => {
  const who = await answering('phone', 'Yes.', { viewport: { width: 320, height: 640 } });
  assert.deepEqual(await over(who.page), []);
  await begin(who.page, 'Am I free?');
  await answered(who.page);
  assert.deepEqual(await over(who.page), []);
  await who.page.goto(`${new URL(who.page.url()).origin}/connect`);
  assert.deepEqual(await over(who.page), []);
  await who.close();
});
