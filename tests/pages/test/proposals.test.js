// Changes that await the owner's word: the card, its buttons, and every way that a word can go.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open, shifted } from '../browser.js';
import { admin, eventsOf, newAccount, site, until } from '../site.js';
import { answered, ask, begin, connect, lastTurn, said, signIn } from '../steps.js';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const TITLE = 'Budget <b>review</b>';
const day = (n) => new Date(Date.now() + n * 86400000).toISOString().slice(0, 10);
const event = (more = {}) => ({ id: `e${Math.random().toString(16).slice(2, 12)}`, summary: TITLE, attendees: [{ email: 'sam@example.test' }],
  start: { dateTime: `${day(2)}T10:00:00`, timeZone: 'Europe/Berlin' }, end: { dateTime: `${day(2)}T11:00:00`, timeZone: 'Europe/Berlin' }, ...more });
const MOVE = 'Move the budget review to four';

// Signed in and connected, with one event that has a guest.
async function withEvent(size, more = {}) {
  const account = await newAccount([event(more.event)]);
  const who = await open(browser, size, more.browser);
  await signIn(who.page, account);
  await connect(who.page, account);
  return { ...who, account, card: who.page.locator('.proposal') };
}
const hour = async (account) => (await eventsOf(account))[0].start.dateTime.slice(11, 16);
const buttons = (card) => card.getByRole('button').allInnerTexts();

for (const size of ['phone', 'desktop'])
  test(`a change is shown, old and new, and made when it is confirmed: ${size}`, async () => {
    const { page, account, card, ...who } = await withEvent(size);
    const text = await ask(page, MOVE);
    await card.waitFor();
    assert.equal(await card.count(), 1);
    assert.doesNotMatch(text, /Answer yes|Google will mail/, 'the card stands for the words');
    assert.match(text, /not changed/);
    assert.match(await card.getByRole('heading').innerText(), /^Change “Budget < ?b>review< ?\/b>”\?$/, 'text, never markup');
    assert.match(await card.locator('td.now').innerText(), /10:00.*11:00/);
    assert.match(await card.locator('td.then').innerText(), /16:00.*17:00/);
    assert.match(await card.innerText(), /Google will mail the guests: sam@example\.test/);
    assert.match(await card.getByRole('timer').innerText(), /^(9|10) min left$/);
    assert.deepEqual(await lastTurn(page).locator('.did li').last().innerText(), 'Prepared the change');
    assert.match(await page.locator('#said').innerText(), /Waits for your word: Change/, 'a screen reader hears what is proposed');
    assert.match(await lastTurn(page).locator('.shown').innerText(), /^Sent to the model: your message, titles, times\.$/);
    assert.equal(await hour(account), '10:00');
    await look({ page, ...who }, '30-proposal');
    await card.getByRole('button', { name: 'Confirm' }).click();
    await card.getByText('Done.', { exact: true }).waitFor();
    assert.deepEqual(await buttons(card), []);
    assert.equal(await hour(account), '16:00');
    assert.match(await page.locator('#said').innerText(), /^Done: Change/);
    await look({ page, ...who }, '31-confirmed');
    assert.ok((await shifted(page)).sum < 0.1, JSON.stringify((await shifted(page)).what));
    await who.close();
  });

test('left as it is', async () => {
  const { page, account, card, ...who } = await withEvent('desktop');
  await ask(page, MOVE);
  await card.getByRole('button', { name: 'Leave' }).click();
  await card.getByText('Left as it was.').waitFor();
  assert.deepEqual(await buttons(card), []);
  assert.equal(await hour(account), '10:00');
  await who.close();
});

test('by keyboard alone; the focus is not lost', async () => {
  const { page, account, card, ...who } = await withEvent('desktop');
  await ask(page, MOVE);
  for (let n = 0; n < 30 && await page.evaluate(() => document.activeElement.textContent) !== 'Confirm'; n++) await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Leave');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await card.getByText('Done.', { exact: true }).waitFor();
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Done\./);
  assert.equal(await hour(account), '16:00');
  await who.close();
});

test('a plain yes does the same, and the card knows', async () => {
  const { page, account, card, ...who } = await withEvent('phone');
  await ask(page, MOVE);
  assert.match(await ask(page, 'Yes!'), /^Done: /);
  await card.getByText('This has been settled.').waitFor();
  assert.deepEqual(await buttons(card), []);
  assert.equal(await hour(account), '16:00');
  await who.close();
});

test('what was changed meanwhile is not changed again', async () => {
  const { page, account, card, expected, ...who } = await withEvent('desktop', { event: { id: 'meanwhile1' } });
  await ask(page, MOVE);
  await admin('DELETE', `/accounts/${account}/events/meanwhile1`);
  await admin('POST', `/accounts/${account}/events`, event({ id: 'meanwhile1', start: { dateTime: `${day(3)}T08:00:00`, timeZone: 'Europe/Berlin' },
    end: { dateTime: `${day(3)}T09:00:00`, timeZone: 'Europe/Berlin' } }));
  expected.add(409);
  await card.getByRole('button', { name: 'Confirm' }).click();
  await card.getByText(/was changed after this was proposed/).waitFor();
  assert.deepEqual(await buttons(card), []);
  assert.equal(await hour(account), '08:00');
  await who.close();
});

test('decided elsewhere, the buttons say so and go', async () => {
  const { page, card, expected, ...who } = await withEvent('desktop');
  await page.route('**/v1/chat', async (route) => {
    const reply = await route.fetch();
    const body = await reply.text();
    who.ids = [...body.matchAll(/"id":"([0-9a-f]{32})"/g)].map((one) => one[1]);
    await route.fulfill({ response: reply, body });
  });
  await ask(page, MOVE);
  const other = await page.evaluate((id) => fetch(`/v1/proposals/${id}/reject`, { method: 'POST',
    headers: { 'Cloister-CSRF': document.querySelector('meta[name=csrf]').content } }).then((reply) => reply.json()), who.ids[0]);
  assert.equal(other.reply, 'Left as it was.');
  expected.add(409);
  await card.getByRole('button', { name: 'Confirm' }).click();
  await card.getByText('This proposal has been decided already.').waitFor();
  assert.deepEqual(await buttons(card), []);
  await who.close();
});

test('a lost answer is asked for again under the same key, and nothing is done twice', async () => {
  const { page, account, card, expected, ...who } = await withEvent('phone');
  await ask(page, MOVE);
  const keys = [];
  await page.route('**/v1/proposals/**', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch(); // done, and nobody hears of it
    return route.abort('connectionreset');
  });
  expected.add('offline');
  await card.getByRole('button', { name: 'Confirm' }).click();
  await card.getByText('Done.', { exact: true }).waitFor();
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal(await hour(account), '16:00');
  await who.close();
});

test('what cannot be done now can be done again', async () => {
  const { page, account, card, expected, ...who } = await withEvent('desktop');
  await ask(page, MOVE);
  await admin('POST', '/faults', { match: { service: 'calendar', account }, kind: 'status', status: 403, reason: 'quotaExceeded', times: 0 });
  expected.add(503).add(502);
  await card.getByRole('button', { name: 'Confirm' }).click();
  await until(async () => await card.getByRole('button', { name: 'Confirm' }).isEnabled().catch(() => false) && await card.locator('.fine').innerText(), 'a failure in words', 60000);
  await admin('DELETE', '/faults');
  await card.getByRole('button', { name: 'Confirm' }).click();
  await card.getByText('Done.', { exact: true }).waitFor();
  assert.equal(await hour(account), '16:00');
  await who.close();
});

// ---- what the server says, made up ----

const sse = (...events) => events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join('');
const proposal = (more = {}) => ['proposal', { id: '0'.repeat(32), summary: 'Delete “Lunch”: Fri 2026-11-27, 12:00–13:00.',
  arguments: { tool: 'delete_event', timezone: 'Europe/Berlin', changes: { title: { old: 'Lunch', new: null } }, guests: [], mail: false },
  expires_at: new Date(Date.now() + 600000).toISOString(), ...more }];
const done = ['done', { turn: 'x', usage: {}, shown: ['message'], settled: [] }];

async function told(size, ...events) {
  const who = await withEvent(size);
  await who.page.route('**/v1/chat', (route) => route.fulfill({ status: 200, contentType: 'text/event-stream', body: sse(...events.map((event) => (typeof event === 'function' ? event() : event))) }));
  await begin(who.page, 'Hello');
  await answered(who.page);
  return who;
}

test('an expired card has no buttons any more', async () => {
  const who = await told('phone', () => proposal({ expires_at: new Date(Date.now() + 12000).toISOString() }), done); // from its answer on
  await who.card.getByRole('timer').getByText(/^0:[01]\d left$/).waitFor();
  await who.card.getByText(/This has expired, and nothing was changed/).waitFor();
  assert.deepEqual(await buttons(who.card), []);
  await who.close();
});

test('several changes have a card each; all-day, series, new guests', async () => {
  const who = await told('phone',
    ['delta', { text: 'I have prepared both.\n\nChange the whole series “Stand-up”: a.\nCreate “Fair”: b.\nUse the buttons to confirm each.' }],
    proposal({ id: '1'.repeat(32), summary: 'Change the whole series “Stand-up”: a.', arguments: { tool: 'update_event', timezone: 'Europe/Berlin',
      changes: { recurrence: { old: ['RRULE:FREQ=DAILY'], new: ['RRULE:FREQ=WEEKLY'] }, guests: { old: ['a@example.test'], new: ['a@example.test', 'b@example.test'] } },
      guests: ['a@example.test', 'b@example.test'], mail: true } }),
    proposal({ id: '2'.repeat(32), summary: 'Create “Fair”: b.', arguments: { tool: 'create_event', timezone: 'Europe/Berlin',
      changes: { title: { old: null, new: 'Fair' }, start: { old: null, new: '2026-12-01' }, end: { old: null, new: '2026-12-03' } }, guests: [], mail: false } }), done);
  assert.equal(await said(who.page), 'I have prepared both.');
  assert.deepEqual(await who.card.getByRole('heading').allInnerTexts(), ['Change the whole series “Stand-up”?', 'Add “Fair”?']);
  assert.match(await who.card.nth(0).locator('table').innerText(), /RRULE:FREQ=DAILY[^]*RRULE:FREQ=WEEKLY[^]*b@example\.test/);
  assert.match(await who.card.nth(1).locator('table').innerText(), /Fair[^]*Tue,? 1[^]*Wed,? 2 Dec, all day/);
  await look(who, '32-several');
  const decided = [];
  await who.page.route('**/v1/proposals/**', (route) => {
    const { headers, path } = { headers: route.request().headers(), path: new URL(route.request().url()).pathname };
    decided.push(`${route.request().method()} ${path} ${Boolean(headers['cloister-csrf'])} ${headers['idempotency-key'].length}`);
    return route.fulfill({ json: { reply: path.endsWith('confirm') ? 'Done: it is.' : 'Left as it was.', settled: [] } });
  });
  await who.card.nth(0).getByRole('button', { name: 'Leave' }).click();
  await who.card.nth(0).getByText('Left as it was.').waitFor();
  assert.deepEqual(await buttons(who.card.nth(1)), ['Confirm', 'Leave'], 'each is decided for itself');
  await who.card.nth(1).getByRole('button', { name: 'Confirm' }).click();
  await who.card.nth(1).getByText('Done: it is.').waitFor();
  assert.deepEqual(decided, [`POST /v1/proposals/${'1'.repeat(32)}/reject true 32`, `POST /v1/proposals/${'2'.repeat(32)}/confirm true 32`]);
  await who.close();
});

test('words that fit no pattern are shown whole', async () => {
  const who = await told('desktop', ['delta', { text: 'Well.' }], proposal({ summary: 'Something <i>else</i> entirely', arguments: { speed: '<b>fast</b>' } }), done);
  assert.equal(await who.card.getByRole('heading').innerText(), 'Shall this be done?');
  assert.match(await who.card.innerText(), /Something <i>else<\/i> entirely[^]*speed[^]*<b>fast<\/b>/);
  await who.close();
});

test('a long message is not cut off in silence', async () => {
  const { page, ...who } = await withEvent('desktop');
  const message = page.getByLabel('Your message');
  await message.fill('ä'.repeat(8300));
  await page.getByText(/^Too long to send, by about \d+ characters\.$/).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
  await page.keyboard.press('Enter');
  assert.equal(await lastTurn(page).count(), 0);
  assert.equal((await message.inputValue()).length, 8300);
  await message.fill('a'.repeat(5000));
  assert.equal(await page.getByRole('button', { name: 'Send' }).isEnabled(), true);
  await who.close();
});
