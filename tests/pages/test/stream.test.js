// Answers that are cut off: finished under the same key, nothing doubled, nothing jumping about.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open, shifted } from '../browser.js';
import { admin, eventsOf, newAccount, pidOf, until } from '../site.js';
import { answered, ask, begin, connect, lastTurn, onceIn, said, signIn } from '../steps.js';

const QUESTION = 'Am I free tomorrow at three? Put lunch with Sam there.';
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

async function connected(size = 'desktop', more = {}) {
  const account = await newAccount();
  const who = await open(browser, size, more);
  await signIn(who.page, account);
  await connect(who.page, account);
  await admin('POST', '/settings', { model_pace_ms: 120 });
  return { ...who, account };
}

const lunches = async (account) => (await eventsOf(account)).filter((one) => /lunch with sam/i.test(one.summary));

// Asks, and comes back in the middle of the answer, when the event has been made.
async function halfway({ page, account }) {
  await begin(page, QUESTION);
  await until(async () => (await lunches(account)).length === 1, 'the event');
  await until(async () => /\w{3}/.test(await said(page)), 'some text');
  assert.equal(await page.getByRole('button', { name: 'Stop' }).count(), 1, 'still under way');
}

// The end of a question that was cut off: one answer, one event.
async function whole({ page, account }) {
  await admin('POST', '/settings', { model_pace_ms: 0 });
  await answered(page);
  assert.equal(await page.locator('.turn').count(), 1);
  assert.equal(await page.locator('.trouble').count(), 0, await lastTurn(page).innerText());
  const text = await said(page);
  assert.match(text, /lunch with sam/i);
  // What had come before the cut is gone.
  onceIn(await lastTurn(page).innerText(), 'Checked when you are free');
  assert.equal(await lastTurn(page).locator('.said').count(), 1, text);
  assert.equal((await lunches(account)).length, 1, 'not doubled');
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'nothing is left to do');
}

const chats = (page) => {
  const seen = [];
  page.on('request', (request) => { if (request.url().endsWith('/v1/chat')) seen.push(request.headers()['idempotency-key']); });
  return seen;
};

test('the gateway is killed in the middle: repeated under the same key', async () => {
  const who = await connected();
  const keys = chats(who.page);
  who.expected.add('offline');
  await halfway(who);
  process.kill(pidOf('cloister-gateway'), 'SIGKILL');
  await who.page.getByText('Connection lost. Trying again.').waitFor();
  await look(who, '20-lost');
  await whole(who);
  assert.ok(keys.length > 1 && new Set(keys).size === 1, keys.join());
  await who.close();
});

test('offline in the middle: goes on when the network is back', async () => {
  const who = await connected('phone');
  who.expected.add('offline');
  await halfway(who);
  await who.context.setOffline(true);
  process.kill(pidOf('cloister-gateway'), 'SIGKILL'); // what was open ends as well
  await who.page.getByText('Offline. It goes on when you are back.').waitFor();
  await who.context.setOffline(false);
  await whole(who);
  await who.close();
});

test('reload in the middle: the question is finished', async () => {
  const who = await connected();
  const keys = chats(who.page);
  await halfway(who);
  await who.page.reload();
  assert.equal(await who.page.locator('.asked').innerText(), QUESTION);
  await whole(who);
  assert.ok(keys.length === 2 && new Set(keys).size === 1, keys.join());
  await who.page.reload();
  await who.page.getByRole('list', { name: 'Things to ask' }).waitFor();
  assert.equal(await who.page.locator('.turn').count(), 0);
  await who.close();
});

test('stop', async () => {
  const who = await connected();
  await halfway(who);
  await who.page.getByRole('button', { name: 'Stop' }).click();
  await who.page.getByText('Stopped. What was already done stays done.').waitFor();
  assert.equal(await who.page.evaluate(() => sessionStorage.length), 0);
  await admin('POST', '/settings', { model_pace_ms: 0 });
  assert.match(await ask(who.page, 'What do I have tomorrow?'), /lunch with sam/i);
  await who.close();
});

test('a refusal shows its next step', async () => {
  const who = await connected();
  await admin('POST', '/settings', { model_pace_ms: 0 });
  await admin('POST', '/faults', { match: { service: 'model' }, kind: 'status', status: 400, times: 9 });
  for (const status of [502, 503]) who.expected.add(status);
  await begin(who.page, QUESTION);
  await who.page.locator('.trouble').waitFor({ timeout: 60000 });
  await admin('DELETE', '/faults');
  assert.equal(await who.page.locator('.trouble').getByRole('button').count(), 1);
  await look(who, '21-refused');
  await admin('POST', `/tokens/${who.account}/kill`);
  who.expected.add(409);
  await begin(who.page, QUESTION);
  await who.page.getByRole('link', { name: 'Connect Google Calendar' }).last().waitFor();
  await look(who, '22-reconnect');
  await who.close();
});

test('signed out elsewhere: sign in again, and the question is answered; nobody else gets it', async () => {
  const who = await connected();
  const { page, context, account } = who;
  await admin('POST', '/settings', { model_pace_ms: 0 });
  who.expected.add(401);
  await context.clearCookies({ name: '__Host-cloister-session' });
  await begin(page, QUESTION);
  const again = page.locator('.trouble').getByRole('link', { name: 'Sign in again' });
  await again.waitFor();
  assert.match(await page.locator('.trouble').innerText(), /You have been signed out/);
  await look(who, '24-signed-out');
  await page.getByRole('button', { name: 'Memory' }).click();
  await page.locator('#memory').getByRole('link', { name: 'Sign in again' }).waitFor();
  await page.keyboard.press('Escape');
  const kept = await page.evaluate(() => ({ ...sessionStorage }));
  await again.click();
  await whole(who);

  // The same tab, somebody else.
  await page.evaluate((items) => Object.assign(sessionStorage, items), kept);
  await context.clearCookies();
  const other = await newAccount();
  await signIn(page, other);
  assert.equal(await page.locator('.turn').count(), 0);
  assert.equal((await lunches(account)).length, 1);
  await who.close();
});

test('signed in anew in another tab: this one goes on', async () => {
  const who = await connected();
  await admin('POST', '/settings', { model_pace_ms: 0 });
  who.expected.add(403);
  const second = await who.context.newPage();
  await second.goto(who.page.url());
  await second.getByRole('button', { name: 'Account' }).click();
  await second.getByRole('button', { name: 'Sign out' }).click();
  await second.getByRole('link', { name: 'Sign in with Google' }).click();
  await second.getByRole('heading', { name: 'What shall we plan?' }).waitFor();
  assert.ok(await ask(who.page, 'What do I have tomorrow?'));
  await second.getByRole('button', { name: 'Account' }).click();
  await second.getByRole('button', { name: 'Sign out' }).click();
  await second.getByRole('link', { name: 'Sign in with Google' }).waitFor();
  await second.goBack();
  await second.getByRole('link', { name: 'Sign in with Google' }).waitFor();
  await who.close();
});

for (const size of ['phone', 'desktop'])
  test(`nothing moves while an answer streams, ${size}`, async () => {
    const who = await connected(size, { reducedMotion: 'no-preference' });
    const { page } = who;
    await admin('POST', '/settings', { model_pace_ms: 15 });
    // While it loads, the bar may grow as its HTML comes.
    const loading = await shifted(page);
    assert.ok(loading.sum < 0.05, JSON.stringify(loading));
    await page.evaluate(() => { window.shifts.length = 0; });
    await ask(page, QUESTION);
    await begin(page, 'long answer 150');
    await answered(page);
    const { sum, what } = await shifted(page);
    assert.ok(sum < 0.001, `${sum} ${JSON.stringify(what)}`);
    const end = await page.evaluate(() => { const main = document.getElementById('scroll'); return main.scrollHeight - main.scrollTop - main.clientHeight; });
    assert.ok(end < 40, `the end of the answer is in view: ${end}`);
    await look(who, '23-long');
    // The control: something that does push the page down is seen.
    await page.waitForTimeout(600); // what follows input directly does not count
    await page.evaluate(() => { document.querySelector('.bar').style.paddingBottom = '9rem'; });
    await until(async () => (await shifted(page)).sum > 0.01, 'a shift');
    await who.close();
  });
