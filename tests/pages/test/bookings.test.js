// A customer's way: found, looked at, booked, moved, cancelled. By keyboard, by thumb, and without scripts.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { launch, look, shifted } from '../browser.js';
import { at, book, confirmed, customer, details, mail, owner, pick, publish, reference } from '../businesses.js';
import { eventsOf, until } from '../site.js';

let browser, who, slug;
before(async () => {
  browser = await launch();
  who = await owner(browser);
  slug = await publish(who);
});
after(async () => {
  await who?.close();
  await browser?.close();
});

// Presses Tab until the focus is on what `words` name; every stop on the way is visible.
async function tabTo(page, words) {
  for (let n = 0; n < 80; n++) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const one = document.activeElement, box = (one.closest('.slot') || one).getBoundingClientRect();
      return { name: one.labels?.[0]?.innerText || one.getAttribute('aria-label') || one.innerText || '', wide: box.width, high: box.height };
    });
    assert.ok(here.wide > 0 && here.high > 0, `a stop that nobody sees: ${JSON.stringify(here)}`);
    if (words.test(here.name.replace(/\s+/g, ' '))) return;
  }
  assert.fail(`the keyboard does not reach ${words}`);
}

test('by keyboard alone: search, book, calendar file, cancel', async () => {
  const one = await customer(browser, 'desktop');
  const { page } = one;
  await page.goto(at('/b'));
  await look(one, '60-directory');
  await tabTo(page, /^What are you looking for/);
  await page.keyboard.type('hairdresser linde');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /business/i }).nth(1).waitFor();
  await look(one, '61-found');
  await page.goto(at(`/b/${slug}`));
  await look(one, '62-business');
  await tabTo(page, /^Choose Cut$/);
  await page.keyboard.press('Enter');
  await page.waitForURL(/service=cut/);
  await page.locator('#slots .slot').first().waitFor();
  await look(one, '63-times');
  assert.ok((await shifted(page)).sum < 0.1, JSON.stringify(await shifted(page)));
  await tabTo(page, /^\d\d:\d\d on /);
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowRight');
  const picked = (await page.evaluate(() => document.activeElement.closest('.slot').innerText)).replace(/\s+/g, ' ');
  await tabTo(page, /^Your name/);
  await page.keyboard.type('Sam Smith');
  await tabTo(page, /^Phone/);
  await page.keyboard.type('+49 30 55555');
  await tabTo(page, /^Book this time$/);
  await page.keyboard.press('Enter');
  await confirmed(one);
  await look(one, '64-booked');
  const [, clock, day] = /^(\d\d:\d\d) on (.+)$/.exec(picked);
  const said = await page.locator('dl.card').innerText();
  assert.ok(said.includes(day) && said.includes(clock), `${picked} is not in ${said}`);
  assert.equal((await eventsOf(who.account)).length, 1, 'one event in the calendar');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Add to my calendar' }).click()]);
  let text = '';
  for await (const part of await file.createReadStream()) text += part;
  assert.match(text, /BEGIN:VEVENT/);
  await tabTo(page, /^Cancel it$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Cancel this booking?' }).waitFor();
  await look(one, '65-cancel');
  await tabTo(page, /^Yes, cancel it$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'This booking is cancelled' }).waitFor();
  await look(one, '66-cancelled');
  await until(async () => (await eventsOf(who.account)).length === 0, 'the event is gone');
  await one.close();
});

test('by thumb, another week kept what was typed', async () => {
  const one = await customer(browser, 'phone');
  const { page } = one;
  await page.goto(at(`/b/${slug}?service=cut`));
  await look(one, '63-times');
  await details(one, 'Kim Park');
  const first = await page.locator('#slots .slot').first().innerText();
  await page.getByRole('link', { name: /^Later/ }).tap();
  await page.waitForURL(/week=/);
  await page.waitForFunction((text) => document.querySelector('#slots .slot')?.innerText !== text, first);
  assert.equal(await page.locator('#book').getByLabel('Your name').inputValue(), 'Kim Park');
  await pick(one, 2);
  await page.getByRole('button', { name: 'Book this time' }).tap();
  await confirmed(one);
  await look(one, '64-booked');
  await page.getByRole('link', { name: 'Move it' }).tap();
  await page.getByRole('heading', { name: 'Choose another time' }).waitFor();
  await look(one, '67-move');
  const then = await pick(one, 1);
  await page.getByRole('button', { name: 'Move it here' }).tap();
  await page.getByText('Your booking was moved.').waitFor({ timeout: 30000 });
  assert.ok((await page.locator('dl.card').innerText()).includes(then.slice(0, 5)));
  assert.equal((await eventsOf(who.account)).length, 1);
  await one.close();
});

test('through the zones by arrow keys; what cannot be loaded costs nothing', async () => {
  const one = await customer(browser, 'desktop');
  one.expected.add('offline');
  const { page } = one, asked = [];
  await page.goto(at(`/b/${slug}?service=cut&tz=Europe%2FBerlin`));
  await pick(one, 5);
  await details(one, 'Lee Long');
  page.on('request', (request) => { if (request.resourceType() === 'fetch') asked.push(request.url()); });
  const zones = page.getByLabel('Times are shown for');
  await zones.focus();
  for (let n = 0; n < 6; n++) await page.keyboard.press('ArrowDown');
  const chosen = await zones.inputValue();
  assert.notEqual(chosen, 'Europe/Berlin');
  await page.waitForURL((url) => url.searchParams.get('tz') === chosen);
  assert.equal(asked.length, 1, `one question for the zone that was meant: ${asked}`);
  assert.equal(await page.locator('#slots input:checked').count(), 1, 'the same moment, by other clocks');
  assert.match(await page.getByRole('status').innerText(), /: \d+ free times$/);
  await page.route('**/b/**', (route) => route.abort('connectionreset'));
  await page.getByRole('link', { name: /^Later/ }).click();
  await page.getByText('Those times could not be loaded.').waitFor();
  await zones.selectOption('Asia/Tokyo');
  await page.waitForFunction((zone) => document.getElementById('tz').value === zone, chosen);
  assert.equal(await page.locator('#book').getByLabel('Your name').inputValue(), 'Lee Long');
  await look(one, '63-times-lost');
  await page.unroute('**/b/**');
  await one.close();
});

test('without scripts, in another zone, and at the customer’s place', async () => {
  const one = await customer(browser, 'phone', { javaScriptEnabled: false });
  const { page } = one;
  await page.goto(at('/'));
  await page.getByLabel('What are you looking for?').fill('Salon Linde');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('heading', { name: 'Salon Linde' }).first().waitFor();
  await page.goto(at(`/b/${slug}?service=home`));
  await page.getByLabel('Times are shown for').selectOption('Asia/Kolkata');
  await page.getByRole('button', { name: 'Change' }).click();
  await page.waitForURL(/tz=Asia/);
  const label = await pick(one);
  assert.match(label, /^\d\d:30 /, 'half an hour off the business’s own');
  await details(one, 'Ali Khan');
  await page.getByLabel('Street and number').fill('Ring Road 5');
  await page.locator('#book').getByLabel('Town').fill('Berlin');
  await page.getByRole('button', { name: 'Book this time' }).click();
  await confirmed(one);
  await page.getByRole('link', { name: 'Cancel it' }).click();
  await page.getByRole('button', { name: 'Yes, cancel it' }).click();
  await page.getByText('Your booking was cancelled.').waitFor({ timeout: 30000 });
  await one.close();
});

test('a taken time offers others; what was typed is still there', async () => {
  const slow = await customer(browser, 'phone'), fast = await customer(browser, 'desktop');
  slow.expected.add(409);
  await slow.page.goto(at(`/b/${slug}?service=cut`));
  await pick(slow, 4);
  await details(slow, 'Slow Sam');
  await book(fast, slug, { index: 4 });
  await slow.page.getByRole('button', { name: 'Book this time' }).click();
  await slow.page.getByRole('heading', { name: 'That time was just taken' }).waitFor({ timeout: 30000 });
  assert.equal(await slow.page.evaluate(() => document.activeElement.id), 'trouble', 'who cannot see hears it first');
  await look(slow, '68-taken');
  assert.equal(await slow.page.locator('#book').getByLabel('Your name').inputValue(), 'Slow Sam');
  const next = slow.page.locator('.next .slot');
  assert.ok(await next.count() >= 3);
  await next.first().locator('input').check({ force: true });
  await slow.page.getByRole('button', { name: 'Book this time' }).click();
  await confirmed(slow);
  await slow.close();
  await fast.close();
});

test('a form that is sent twice books once', async () => {
  const one = await customer(browser, 'desktop');
  await one.page.goto(at(`/b/${slug}?service=cut`));
  await pick(one, 6);
  await details(one, 'Twice Tim');
  const before = (await eventsOf(who.account)).length;
  const fields = await one.page.locator('#book').evaluate((form) => new URLSearchParams(new FormData(form)).toString());
  const send = () => fetch(at(`/b/${slug}/book`), { method: 'POST', body: fields, redirect: 'manual',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
  const [first, second] = await Promise.all([send(), send()]);
  const third = await send();
  assert.deepEqual([first.status, second.status, third.status], [303, 303, 303]);
  assert.equal(new Set([first, second, third].map((one) => one.headers.get('location'))).size, 1);
  assert.equal((await eventsOf(who.account)).length, before + 1);
  await one.close();
});

test('the day on which clocks are put forward where the visitor is', async () => {
  const far = await publish(who, { hours: { timezone: 'Asia/Kolkata', weekly: [{ days: ['sun'], opens: '09:30', closes: '15:30' }] },
    services: [{ id: 'cut', name: 'Cut', duration_minutes: 30, step_minutes: 30, horizon_days: 365, mode: 'remote' }] });
  const one = await customer(browser, 'desktop', { timezoneId: 'America/New_York' });
  const { page } = one;
  await page.goto(at(`/b/${far}?service=cut&week=2027-03-13`));
  await page.waitForURL(/tz=America/); // the browser's own zone, unasked
  const times = async () => (await page.locator('#slots .slot').allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
  await page.waitForFunction(() => /on Sunday, 14 March/.test(document.querySelector('#slots').textContent));
  const sunday = (await times()).filter((text) => text.includes('Sunday, 14 March')).map((text) => text.slice(0, 5));
  assert.deepEqual(sunday.slice(0, 6), ['00:00', '00:30', '01:00', '01:30', '03:00', '03:30'], 'two o’clock is not there');
  const saturday = (await times()).filter((text) => text.includes('Saturday, 13 March')).map((text) => text.slice(0, 5));
  assert.deepEqual(saturday, ['23:00', '23:30']);
  await page.locator('#slots .slot', { hasText: '03:00' }).locator('input').check({ force: true });
  await details(one, 'Early Bird');
  await page.getByRole('button', { name: 'Book this time' }).click();
  await confirmed(one);
  const said = await page.locator('dl.card').innerText();
  assert.match(said, /Sunday, 14 March 2027, 12:30/, 'the business’s clocks');
  assert.match(said, /03:00 where you are/);
  await one.close();
});

test('nothing to find with a wrong secret', async () => {
  const one = await customer(browser, 'phone');
  one.expected.add(404).add(405);
  const mine = await customer(browser, 'desktop');
  await book(mine, slug, { index: 8 });
  const number = await reference(mine);
  for (const path of [`/bookings/${number}?secret=${'A'.repeat(43)}`, `/bookings/${number}`, '/bookings/nothing?secret=x', '/b/no-such-business', `/b/${slug}/book`]) {
    const reply = await one.page.goto(at(path));
    assert.equal(reply.status(), path.endsWith('/book') ? 405 : 404, path);
    assert.match(reply.headers()['content-type'], /^text\/html/, path);
    assert.equal(one.page.url(), at(path), 'an address that can be looked at again, and loaded again');
    assert.equal(await one.page.getByText(/Salon Linde|Sam Smith/).count(), 0);
  }
  await look(one, '69-none');
  assert.equal((await mine.page.goto(mine.page.url())).status(), 200, 'and with the right one there is');
  await mine.close();
  await one.close();
});

test('a link for cancelling cancels, and moves nothing', async () => {
  const free = await (await fetch(at(`/v1/businesses/${slug}/availability?service=cut`))).json();
  const made = await (await fetch(at('/v1/bookings'), { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() },
    body: JSON.stringify({ business: slug, service: 'cut', start: free.slots.at(-1).start, customer: { name: 'Mel', email: mail() } }) })).json();
  const one = await customer(browser, 'phone');
  one.expected.add(404);
  const { page } = one;
  await page.goto(made.cancel_url);
  if (await page.getByRole('link', { name: 'Move it' }).count()) {
    await page.goto(`${made.cancel_url}&act=move`);
    await pick(one);
    await page.getByRole('button', { name: 'Move it here' }).click();
    await page.getByRole('heading', { name: 'This link is good for cancelling alone' }).waitFor();
  }
  await page.goto(`${made.cancel_url}&act=cancel`);
  await page.getByRole('button', { name: 'Yes, cancel it' }).click();
  await page.getByRole('heading', { name: 'This booking is cancelled' }).waitFor({ timeout: 30000 });
  await one.close();
});
