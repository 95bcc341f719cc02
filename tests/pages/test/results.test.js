// What people see when something went wrong on the way: what happened, one button, a clean address.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from '../browser.js';
import { newAccount, site, sql } from '../site.js';
import { consent, home, signIn, toGoogle } from '../steps.js';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

async function signedIn(size = 'desktop') {
  const account = await newAccount();
  const who = await open(browser, size);
  for (const status of [400, 403, 409, 410]) who.expected.add(status);
  await signIn(who.page, account);
  return { ...who, account };
}

// The page as it has to be. `words` is what it says happened.
async function resultPage(who, name, words) {
  const { page } = who;
  await page.locator('.button').waitFor();
  assert.match(await page.getByRole('heading', { level: 1 }).innerText(), words);
  assert.equal(await page.locator('.button').count(), 1, 'one button');
  assert.equal(await page.getByRole('button').count(), 0);
  assert.equal(page.url(), `${site.url}/`, 'neither code nor state in the address');
  assert.ok((await page.locator('.lead').innerText()).length > 20);
  await look(who, `30-${name}`);
  const other = who.size === 'phone' ? 'desktop' : 'phone';
  const before = page.viewportSize();
  await page.setViewportSize(other === 'phone' ? { width: 360, height: 740 } : { width: 1280, height: 800 });
  await look({ page, size: other }, `30-${name}`);
  await page.setViewportSize(before);
  return page.locator('.button').getAttribute('href');
}

// A connect link that the page's own form makes, not followed.
async function linkOf({ page }) {
  await page.goto(`${site.url}/connect`);
  const csrf = await page.locator('meta[name=csrf]').getAttribute('content');
  const made = await page.request.post(`${site.url}/connect`, { maxRedirects: 0, headers: { Origin: site.url },
    form: { csrf, features: 'events' } });
  assert.equal(made.status(), 303);
  return new URL(made.headers().location, site.url).href;
}

test('refused consent', async () => {
  const who = await signedIn('phone');
  await toGoogle(who.page);
  await consent(who.page, who.account, { deny: true });
  assert.equal(await resultPage(who, 'refused', /^Nothing was connected$/), '/connect');
  await who.page.locator('.button').click();
  await who.page.getByRole('heading', { name: 'Connect Google Calendar' }).waitFor();
  await who.close();
});

test('no permission at all', async () => {
  const who = await signedIn();
  await toGoogle(who.page);
  await consent(who.page, who.account, { untick: ['View your availability', 'View and edit events'] });
  await resultPage(who, 'no-scopes', /^No box was ticked at Google$/);
  await who.close();
});

test('wrong state and replayed state', async () => {
  const who = await signedIn();
  await who.page.goto(`${site.url}/connect/google/callback?state=c3RyYW5nZXI&code=4/0Astranger`);
  await resultPage(who, 'wrong-browser', /^Please use the browser you started in$/);
  await toGoogle(who.page);
  await who.page.waitForURL((url) => url.href.startsWith(site.google));
  await who.page.goto(`${site.url}/connect/google/callback?state=c3RyYW5nZXI&code=4/0Astranger`);
  await resultPage(who, 'wrong-state', /^This link does not work$/);
  let back = '';
  who.page.on('request', (request) => { if (request.url().includes('/connect/google/callback')) back = request.url(); });
  await toGoogle(who.page);
  const cookies = await who.context.cookies(site.url);
  await consent(who.page, who.account);
  await home(who.page);
  assert.match(back, /code=/);
  // Whoever has all that went by, the cookie included, still comes too late.
  await who.context.addCookies(cookies.filter((one) => /connect/.test(one.name)));
  await who.page.goto(back);
  await resultPage(who, 'replayed', /^This link does not work$/);
  await who.close();
});

test('an expired link', async () => {
  const who = await signedIn();
  const link = await linkOf(who);
  sql("UPDATE cloister.connect_links SET expires_at = now()");
  await who.page.goto(link);
  await resultPage(who, 'expired', /^This link has expired$/);
  await who.close();
});

test("someone else's link", async () => {
  const who = await signedIn(), other = await signedIn('phone');
  const link = await linkOf(who);
  await other.page.goto(link);
  await consent(other.page, other.account);
  await resultPage(other, 'not-yours', /^That is not yours to do$/);
  assert.equal(await other.page.evaluate(async () => (await (await fetch('/v1/users/me/connections/google')).json()).state), 'none');
  await who.close();
  await other.close();
});

test('a link that another browser has opened', async () => {
  const who = await signedIn(), other = await signedIn();
  const link = await linkOf(who);
  await who.page.goto(link);
  await other.page.goto(link);
  await resultPage(other, 'opened-elsewhere', /^(Please use the browser you started in|This link does not work)$/);
  await who.close();
  await other.close();
});

test('another Google account, by mistake and on purpose', async () => {
  const who = await signedIn();
  const second = await newAccount();
  await toGoogle(who.page);
  await consent(who.page, second);
  await resultPage(who, 'other-account', /^This is another Google account$/);
  await who.page.getByRole('link', { name: 'Use the other account' }).click();
  await who.page.getByLabel('Connect another Google account').check();
  await look(who, '31-connect-switch');
  await who.page.getByRole('button', { name: 'Continue to Google' }).click();
  await consent(who.page, second);
  await who.page.waitForURL(`${site.url}/`);
  await who.page.getByText('Your Google Calendar is connected.').waitFor();
  await who.close();
});

test('refused sign-in', async () => {
  const who = await open(browser, 'phone');
  who.expected.add(409);
  await who.page.goto(`${site.url}/login`);
  await consent(who.page, await newAccount(), { deny: true });
  assert.equal(await resultPage(who, 'sign-in-refused', /^You are not signed in$/), '/login');
  await who.close();
});
