// The owner's side: a business written, looked at, published; bookings and questions; and what strangers write stays text.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from '../browser.js';
import { api, at, book, customer, mail, owner, profileOf, publish, reference } from '../businesses.js';
import { eventsOf, site, until } from '../site.js';
import { ask, lastTurn } from '../steps.js';

let browser, signed; // the owner of most of the businesses here
before(async () => {
  browser = await launch();
  signed = await owner(browser);
});
after(async () => {
  await signed?.close();
  await browser?.close();
});

test('an owner chooses where they are told', async () => {
  const who = await owner(browser, 'phone');
  who.expected.add(422);
  const { page } = who, slug = await publish(who);
  await page.goto(`${site.url}/businesses/${slug}`);
  await page.getByRole('link', { name: 'Where you are told' }).click();
  await page.getByRole('heading', { name: 'Where you are told' }).waitFor();
  assert.equal(await page.getByLabel('Somebody asks').isChecked(), true, 'everything, until something else is chosen');
  await page.getByLabel(/^Mail addresses/).fill('nobody <at> home');
  await page.getByLabel('Somebody books').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'That could not be done' }).waitFor();
  assert.equal(await page.getByLabel(/^Mail addresses/).inputValue(), 'nobody <at> home', 'what was typed is still there');
  assert.equal(await page.getByLabel('Somebody books').isChecked(), false);
  await look(who, '76-told-wrong');
  await page.getByLabel(/^Mail addresses/).fill('anna@salon.example, ben@salon.example');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('That is where you are told from now on.').waitFor();
  assert.equal(await page.getByLabel(/^Mail addresses/).inputValue(), 'anna@salon.example, ben@salon.example');
  assert.equal(await page.getByLabel('Somebody books').isChecked(), false);
  assert.equal(await page.getByLabel('Somebody asks').isChecked(), true);
  await look(who, '77-told');
  await who.close();
});

test('a business is written, looked at, published, taken off and deleted', async () => {
  const size = 'phone', who = await owner(browser, size);
  who.expected.add(422);
  const { page } = who, slug = `forge-${who.account}`;
  await page.goto(`${site.url}/`);
  await page.getByRole('link', { name: 'Business' }).click();
  await page.getByRole('heading', { name: 'Your businesses' }).waitFor();
  await look(who, '70-businesses');
  await page.getByLabel('Name', { exact: true }).fill('Forge & Sons');
  await page.getByLabel('Name in its address').fill(slug);
  assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Berlin', 'where the owner is');
  await page.getByLabel('Time zone').selectOption('Europe/London');
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.getByRole('heading', { name: 'Forge & Sons' }).waitFor();
  // It cannot be published yet, and says why.
  await page.getByRole('button', { name: 'Publish' }).click();
  await page.getByRole('heading', { name: 'That could not be done' }).waitFor();
  await look(who, '72-incomplete');
  const part = (name) => page.getByRole('region', { name, exact: true });
  await part('About').getByLabel('Kind of business').fill('bicycle workshop');
  await part('About').getByLabel('In a sentence').fill('We mend what rolls.');
  await part('About').getByLabel('Description').fill('Wheels, chains, brakes.\n\nBring it in.');
  await part('About').getByLabel('Languages').fill('en, fr');
  await part('About').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await part('Services').getByText('Add a service').click();
  await part('Services').getByLabel('Name', { exact: true }).fill('Full service');
  await part('Services').getByLabel(/^Takes/).fill('forty');
  await part('Services').getByRole('button', { name: 'Add' }).click();
  await page.getByRole('heading', { name: 'That could not be done' }).waitFor();
  assert.equal(await part('Services').getByLabel(/^Takes/).first().inputValue(), 'forty', 'what was typed is still there');
  assert.ok(await part('Services').getByLabel(/^Takes/).first().isVisible(), 'and to be seen');
  await part('Services').getByLabel(/^Takes/).first().fill('40');
  await part('Services').getByLabel('Price from').first().fill('35');
  await part('Services').getByLabel('Currency').first().fill('GBP');
  await part('Services').getByRole('button', { name: 'Save' }).first().click();
  await page.getByText('Saved.').waitFor();
  for (const day of ['Monday', 'Tuesday']) {
    await part('Hours').getByLabel(`${day} opens`, { exact: true }).fill('09:00');
    await part('Hours').getByLabel(`${day} closes`, { exact: true }).fill('17:30');
  }
  const cut = await part('Hours').locator('input[name$="1"]').evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.name));
  assert.deepEqual(cut, [], 'times that are cut off');
  await part('Hours').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await part('Hours').getByLabel(/^Day/).fill('2027-05-03');
  await part('Hours').getByRole('button', { name: 'Add the day' }).click();
  await part('Hours').getByText('2027-05-03', { exact: true }).waitFor();
  await part('Where').getByLabel('Town').fill('London');
  await part('Where').getByLabel('Country', { exact: false }).first().fill('GB');
  await part('Where').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.getByRole('link', { name: 'Preview' }).click();
  await page.getByText('This is how customers will see it.').waitFor();
  await look(who, '74-preview');
  const outside = await customer(browser, size);
  outside.expected.add(404);
  assert.equal((await outside.page.goto(at(`/b/${slug}`))).status(), 404, 'a draft is nobody’s to see');
  await page.getByRole('link', { name: 'Back to editing' }).click();
  await page.getByRole('button', { name: 'Publish' }).click();
  await page.getByText('Published. This is what customers see now.').waitFor();
  assert.equal((await outside.page.goto(at(`/b/${slug}`))).status(), 200);
  await outside.page.getByText('We mend what rolls.').waitFor();
  const stated = await outside.page.locator('aside').innerText();
  for (const words of ['09:00–17:30', 'London', 'Speaks French', 'Monday, 3 May 2027: closed']) assert.ok(stated.includes(words), `${words}: ${stated}`);
  await page.getByRole('button', { name: 'Unpublish' }).click();
  await page.getByText('Unpublished.').waitFor();
  await until(async () => (await outside.page.goto(at(`/b/${slug}`))).status() === 404, 'taken off');
  await page.getByText('Delete this business').click();
  await page.getByLabel(/Delete its profile/).check();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('Deleted.').waitFor();
  await outside.close();
  await who.close();
});

test('a form of the owner’s that is pressed twice is sent once', async () => {
  const { page } = signed, slug = await publish(signed);
  let sent = 0;
  await page.route(`**/businesses/${slug}`, async (route) => {
    if (route.request().method() === 'POST') {
      sent++;
      await new Promise((resolve) => { setTimeout(resolve, 1000); }); // the second press finds the page still there
    }
    await route.continue().catch(() => {});
  });
  await page.goto(`${site.url}/businesses/${slug}`);
  const form = page.getByRole('region', { name: 'Services', exact: true }).locator('details').last();
  await form.locator('summary').click();
  await form.getByLabel('Name', { exact: true }).fill('Beard');
  await form.getByLabel(/^Takes/).fill('20');
  await form.getByRole('button', { name: 'Add' }).scrollIntoViewIfNeeded();
  const { x, y, width, height } = await form.getByRole('button', { name: 'Add' }).boundingBox();
  for (let n = 0; n < 2; n++) {
    await page.mouse.click(x + width / 2, y + height / 2);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  await page.getByText('Saved.').waitFor();
  await page.unroute(`**/businesses/${slug}`);
  assert.equal(sent, 1);
});

test('who is signed out in the middle of a form gets back what they typed', async () => {
  const who = await owner(browser, 'phone');
  who.expected.add(401);
  const { page } = who, slug = await publish(who);
  await page.goto(`${site.url}/businesses/${slug}`);
  const about = page.getByRole('region', { name: 'About', exact: true });
  await about.getByLabel('Description').fill('Seven paragraphs,\nwritten in an hour.');
  await who.context.clearCookies();
  await about.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'You have been signed out' }).waitFor();
  assert.equal(await page.getByLabel('description').inputValue(), 'Seven paragraphs,\nwritten in an hour.');
  assert.equal(await page.getByRole('link', { name: 'Sign in with Google' }).getAttribute('target'), '_blank');
  await look(who, '80-signed-out');
  await who.close();
});

test('the same on a wide screen', async () => {
  const who = signed;
  const slug = await publish(who);
  await who.page.goto(`${site.url}/businesses`);
  await look(who, '70-businesses');
  await who.page.goto(`${site.url}/businesses/${slug}`);
  await look(who, '73-edit');
});

test('bookings and questions, from both sides, the owner’s without scripts', async () => {
  const slug = await publish(signed);
  const plain = await open(browser, 'phone', { javaScriptEnabled: false, storageState: await signed.context.storageState() });
  const buyer = await customer(browser, 'phone');
  buyer.expected.add(422);
  await book(buyer, slug, { index: 3, name: 'Robin Ray' });
  const first = await reference(buyer), status = buyer.page.url();
  const { page } = plain;
  await page.goto(`${site.url}/bookings`);
  const row = page.locator(`#${first}`);
  await row.getByText('Robin Ray').waitFor();
  await signed.page.goto(`${site.url}/bookings`);
  await look(signed, '75-bookings');
  await row.locator('summary', { hasText: 'Move' }).click();
  const field = row.getByLabel(/^New time/), old = await field.inputValue();
  const day = new Date(`${old.slice(0, 10)}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() + 3);
  await field.fill(`${day.toISOString().slice(0, 10)}T11:00`);
  await row.getByRole('button', { name: 'Move it' }).click();
  await page.getByText('Moved. Nothing is sent from here').waitFor({ timeout: 30000 });
  await buyer.page.goto(status);
  assert.match(await buyer.page.locator('dl.card').innerText(), /11:00/);
  await row.locator('summary', { hasText: 'Cancel' }).click();
  await row.getByLabel(/^Why/).fill('We are ill.');
  await row.getByRole('button', { name: 'Cancel the booking' }).click();
  await page.getByText('Cancelled. Nothing is sent from here').waitFor({ timeout: 30000 });
  await buyer.page.goto(status);
  await buyer.page.getByRole('heading', { name: 'This booking is cancelled' }).waitFor();
  await until(async () => (await eventsOf(signed.account)).length === 0, 'the event is gone');
  // A question.
  await buyer.page.goto(at(`/b/${slug}`));
  const ask = buyer.page.getByRole('region', { name: 'Send a question' });
  await ask.getByLabel('Your question').fill('Do you cut beards?\nAnd children?');
  await ask.getByLabel('Your name').fill('Robin Ray');
  await ask.getByRole('button', { name: 'Send' }).click();
  await buyer.page.getByText('Give an e-mail address or a phone number').waitFor();
  assert.match(await ask.getByLabel('Your question').inputValue(), /beards\?\s+And children/);
  await look(buyer, '76-question');
  await ask.getByLabel('Phone').fill('+49 30 98765');
  await ask.getByRole('button', { name: 'Send' }).click();
  await buyer.page.getByRole('heading', { name: 'Your question was sent' }).waitFor();
  const question = buyer.page.url().replace('&new=1', '');
  await look(buyer, '77-asked');
  await page.goto(`${site.url}/inquiries`);
  await page.getByText('Do you cut beards?').waitFor();
  await signed.page.goto(`${site.url}/inquiries`);
  await look(signed, '78-questions');
  await page.getByLabel('Your answer').fill('Both.\nOn Tuesdays.');
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  await page.getByText('Answered. The customer left no e-mail address and is not told: call +49 30 98765.').waitFor();
  await buyer.page.goto(question);
  await buyer.page.getByRole('heading', { name: 'Your question was answered' }).waitFor();
  assert.match(await buyer.page.locator('dl.card').innerText(), /Both\.\nOn Tuesdays\./);
  await buyer.close();
  await plain.close();
});

// Runs where markup is not made text: the page says that it was had. The first sign tells fields apart.
const evil = (name) => `${name}"'><img src=/assets/logo.svg onload="window.had='${name}'"><script>window.had='${name}'</script>`;

test('whatever strangers and owners write stays text, on every page', async () => {
  const who = signed;
  const slug = await publish(who, {
    name: evil('name'), category: 'hairdresser', summary: evil('summary'), description: evil('description'),
    address: { street: evil('street'), postal_code: '<b>10', city: evil('city'), region: evil('region'), country: 'DE' },
    service_area: { place: evil('area'), radius_km: 5 }, attributes: { parking: evil('x').slice(0, 80) },
    services: [{ id: 'cut', name: evil('service').slice(0, 120), description: evil('about'), duration_minutes: 60, step_minutes: 60 }],
  });
  const one = await customer(browser, 'phone');
  const visited = [];
  const clean = async ({ page }, path) => {
    await page.goto(path);
    visited.push(path);
    assert.equal(await page.evaluate(() => window.had), undefined, path);
    assert.equal(await page.locator('main img, main script:not([src]), main [onload]').count(), 0, path);
  };
  await clean(one, at('/b?q=hairdresser'));
  await clean(one, at(`/b?q=${encodeURIComponent(evil('query'))}&place=${encodeURIComponent(evil('place'))}`));
  await clean(one, at(`/b/${slug}`));
  assert.ok((await one.page.locator('h1').innerText()).includes('<script>'), 'it is there to be read');
  await one.page.goto(at(`/b/${slug}?service=cut`));
  await one.page.locator('#slots .slot input').first().check({ force: true });
  await one.page.locator('#book').getByLabel('Your name').fill(evil('customer').slice(0, 120));
  await one.page.locator('#book').getByLabel('E-mail').fill(mail());
  await one.page.getByLabel('Anything they should know?').fill(evil('note'));
  await one.page.getByRole('button', { name: 'Book this time' }).click();
  await one.page.getByRole('heading', { name: 'Your booking is confirmed' }).waitFor({ timeout: 30000 });
  await clean(one, one.page.url());
  await clean(one, `${one.page.url()}&act=move`);
  await one.page.goto(at(`/b/${slug}`));
  const ask = one.page.getByRole('region', { name: 'Send a question' });
  await ask.getByLabel('Your question').fill(evil('question'));
  await ask.getByLabel('Your name').fill(evil('asker').slice(0, 120));
  await ask.getByLabel('E-mail').fill(mail());
  await ask.getByRole('button', { name: 'Send' }).click();
  await one.page.getByRole('heading', { name: 'Your question was sent' }).waitFor();
  await clean(one, one.page.url());
  for (const path of ['/businesses', `/businesses/${slug}`, `/businesses/${slug}?preview=1`, '/bookings', '/inquiries'])
    await clean(who, site.url + path);
  assert.ok(visited.length >= 11);
  // The control: the same words as markup, with no policy in the way, are had.
  const control = await customer(browser, 'desktop');
  await control.page.route('**/control', (route) => route.fulfill({ contentType: 'text/html', body: `<main><p title="${evil('control')}"></main>` }));
  await control.page.goto(at('/control'));
  assert.equal(await control.page.evaluate(() => window.had), 'control');
  await control.close();
  await one.close();
});

test('names without a blank break, on every page', async () => {
  const word = 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(3), who = signed;
  const slug = await publish(who, { name: word.slice(0, 120), category: word.slice(0, 60), summary: word.slice(0, 120),
    address: { street: word.slice(0, 120), city: word.slice(0, 120), region: word.slice(0, 120), country: 'DE' }, service_area: { place: word.slice(0, 120) },
    attributes: { [word.slice(0, 40).toLowerCase()]: word.slice(0, 80) }, contacts: { email: `${word.slice(0, 40)}@${word.slice(0, 40).toLowerCase()}.example` },
    services: [{ id: 'cut', name: word.slice(0, 120), description: word, duration_minutes: 60, step_minutes: 60, mode: 'at_customer' }] });
  const one = await customer(browser, 'phone');
  const narrow = await open(browser, 'phone', { storageState: await who.context.storageState() });
  for (const [{ page }, path] of [[one, at(`/b?q=${word.slice(0, 60)}`)], [one, at(`/b/${slug}?service=cut`)], [narrow, `${site.url}/businesses`],
    [narrow, `${site.url}/businesses/${slug}`], [narrow, `${site.url}/businesses/${slug}?preview=1`]]) {
    await page.goto(path);
    await page.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
    const over = await page.evaluate(() => [...document.querySelectorAll('body *')].filter((part) => !part.closest('.unseen, .skip, select, svg')
      && part.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((part) => `${part.tagName}.${part.className}`));
    assert.deepEqual(over, [], path);
  }
  await narrow.close();
  await one.close();
});

test('the assistant of a business answers a customer', async () => {
  const who = signed;
  const slug = await publish(who);
  const one = await customer(browser, 'phone');
  const { page } = one;
  await page.goto(at(`/b/${slug}`));
  await page.getByLabel('Your message').fill('Hello, who are you?');
  await page.keyboard.press('Enter');
  await page.locator('#talk .asked').waitFor();
  await page.waitForFunction(() => (document.querySelector('#talk .answer')?.textContent || '…') !== '…', null, { timeout: 30000 });
  assert.equal(await page.locator('#talk .wrong').count(), 0, await page.locator('#talk').innerText());
  await look(one, '79-chat');
  await one.close();
});

test('an answer leaves whoever went on to another field there', async () => {
  const slug = await publish(signed);
  const one = await customer(browser, 'desktop');
  const { page } = one;
  let answer;
  const held = new Promise((resolve) => { answer = resolve; });
  const stream = [['delta', { text: 'Hello.' }], ['done', {}]].map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  await page.route('**/chat', async (route) => {
    await held;
    await route.fulfill({ status: 200, contentType: 'text/event-stream', body: stream.join('') });
  });
  await page.goto(at(`/b/${slug}`));
  await page.getByLabel('Your message').fill('Hello?');
  await page.keyboard.press('Enter');
  await page.getByLabel('Your question').focus();
  await page.keyboard.type('Do you ');
  answer();
  await page.getByText('Hello.', { exact: true }).waitFor();
  await page.waitForFunction(() => !document.getElementById('chat-form').hasAttribute('aria-busy'));
  await page.keyboard.type('cut beards?');
  assert.equal(await page.getByLabel('Your question').inputValue(), 'Do you cut beards?');
  await page.unroute('**/chat');
  await one.close();
});

test('the owner’s chat says what it does about the business', async () => {
  const { page } = signed;
  await page.goto(`${site.url}/`);
  await ask(page, 'Show me my bookings');
  assert.match(await lastTurn(page).innerText(), /Looked at your bookings/);
});

test('a chat that broke off books nothing twice, and its link can be pressed', async () => {
  const slug = await publish(signed);
  const one = await customer(browser, 'phone');
  const { page } = one;
  const keys = [];
  one.expected.add('offline');
  await page.route('**/chat', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch(); // it was done, and nobody here learns of it
    return route.abort('connectionreset');
  });
  await page.goto(at(`/b/${slug}`));
  await page.getByLabel('Your message').fill(`Book me a cut tomorrow at 10am, I'm Ann, ${mail()}`);
  await page.keyboard.press('Enter');
  await page.locator('#talk .wrong').waitFor();
  await page.getByLabel('Your message').press('Enter'); // as it was put back
  await page.waitForFunction(() => document.querySelectorAll('#talk .answer a').length > 0, null, { timeout: 30000 });
  assert.equal(await page.locator('#talk').getAttribute('aria-busy'), null, 'whole, and to be read out');
  const text = await page.locator('#talk .answer').innerText();
  assert.doesNotMatch(text, /slot_taken/);
  assert.equal(new Set(keys).size, 1, keys.join());
  const [tab] = await Promise.all([one.context.waitForEvent('page'), page.locator('#talk .answer a').first().click()]);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  assert.match(tab.url(), /\/bookings\/B-/);
  await page.unroute('**/chat');
  await one.close();
});

test('nobody else’s business, and no form of another website', async () => {
  const mine = signed, other = await owner(browser, 'phone');
  for (const status of [403, 409]) other.expected.add(status);
  const slug = await publish(mine);
  for (const [method, path, body] of [['GET', `/v1/businesses/${slug}`], ['DELETE', `/v1/businesses/${slug}`]])
    assert.equal((await api(other, method, path, body)).status, 403, method);
  assert.equal((await api(other, 'PUT', `/v1/businesses/${slug}`, { profile: profileOf() })).body.code, 'slug_taken');
  assert.equal((await api(mine, 'GET', `/v1/businesses/${slug}`)).status, 200, 'its owner may');
  const form = { service: 'cut', key: 'k', start: '2027-01-04T10:00:00+01:00', name: 'Eve', email: 'eve@x.example' };
  const send = (site_) => fetch(at(`/b/${slug}/book`), { method: 'POST', redirect: 'manual', body: new URLSearchParams(form),
    headers: { 'Sec-Fetch-Site': site_ } });
  assert.equal((await send('cross-site')).status, 403);
  assert.notEqual((await send('same-origin')).status, 403);
  await other.close();
});
