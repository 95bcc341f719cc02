// The whole path at both sizes: sign in, connect, ask, see, remember, forget, disconnect, sign out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open, sizes } from '../browser.js';
import { admin, eventsOf, newAccount, site, until } from '../site.js';
import { answered, ask, begin, connect, consent, home, lastTurn, onceIn, said, signIn, toGoogle } from '../steps.js';

let browser;
before(async () => {
  browser = await launch();
  await admin('POST', '/settings', { model_pace_ms: 15 });
});
after(async () => {
  await admin('POST', '/settings', { model_pace_ms: 0 });
  await browser?.close();
});

// Every length of the last answer's text that was to be seen.
const recordText = (page) => page.evaluate(() => {
  window.lengths = new Set();
  new MutationObserver(() => window.lengths.add([...document.querySelectorAll('.turn:last-child .said')].reduce((n, one) => n + one.textContent.length, 0)))
    .observe(document.getElementById('talk'), { childList: true, subtree: true, characterData: true });
});

// One after the other; what follows a failure would only wait in vain.
function steps(t, { page, size }) {
  let skip = false;
  return (name, act) => t.test(name, { skip }, async () => {
    try {
      await act();
    } catch (error) {
      skip = true;
      await page.screenshot({ path: `${process.env.CLOISTER_ARTIFACTS}/failed-${size}.png` });
      throw error;
    }
  });
}

for (const size of Object.keys(sizes))
  test(`the whole path, ${size}`, async (t) => {
    const account = await newAccount();
    const who = await open(browser, size);
    const { page } = who;
    const step = steps(t, who);

    await step('signed out: what this is, and one way on', async () => {
      const landing = await page.goto(`${site.url}/`);
      assert.equal(landing.status(), 200);
      assert.equal(await page.locator('.button').count(), 1);
      await look(who, '01-landing');
    });

    await step('sign in', async () => {
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await consent(page, account);
      await home(page);
      await page.getByRole('link', { name: 'Connect Google Calendar' }).waitFor();
      assert.equal(await page.getByLabel('Your message').isDisabled(), true);
      await look(who, '02-first-run');
    });

    await step('choose what to connect', async () => {
      await page.getByRole('link', { name: 'Connect Google Calendar' }).click();
      await page.getByRole('heading', { name: 'Connect Google Calendar' }).waitFor();
      assert.match(await page.locator('.who').innerText(), new RegExp(`${account}@`));
      await look(who, '03-connect');
      const boxes = page.locator('input[name=features]');
      await boxes.nth(0).uncheck();
      await boxes.nth(1).uncheck();
      await page.getByRole('button', { name: 'Continue to Google' }).click();
      assert.equal(await page.evaluate(() => document.querySelector('input[name=features]').validationMessage), 'Choose at least one.');
      await boxes.nth(0).check();
      await boxes.nth(1).check();
      await page.getByRole('button', { name: 'Continue to Google' }).click();
      await consent(page, account);
      await home(page);
      await page.getByText('Your Google Calendar is connected.').waitFor();
      await page.getByRole('list', { name: 'Things to ask' }).waitFor();
      await look(who, '04-welcome');
    });

    await step('ask: tools and text as they come', async () => {
      await recordText(page);
      await begin(page, 'Am I free tomorrow at three? Put lunch with Sam there.');
      await page.getByRole('button', { name: 'Stop' }).waitFor();
      await lastTurn(page).locator('.did li').first().waitFor();
      await page.screenshot({ path: `${process.env.CLOISTER_ARTIFACTS}/05-streaming-${size}-light.png` });
      await answered(page);
      const tools = await lastTurn(page).locator('.did li').allInnerTexts();
      assert.ok(tools.includes('Checked when you are free') && tools.includes('Added the event'), tools.join());
      assert.ok(await page.evaluate(() => window.lengths.size) > 3, 'text came in pieces');
      assert.match(await said(page), /lunch with sam/i);
      assert.match(await page.locator('#said').innerText(), /lunch with sam/i, 'a screen reader hears the answer');
      assert.equal((await eventsOf(account)).filter((one) => /lunch with sam/i.test(one.summary)).length, 1);
      await look(who, '06-answered');
    });

    await step('the event is to be seen', async () => {
      onceIn((await ask(page, 'What do I have tomorrow?')).toLowerCase(), 'lunch with sam');
      await look(who, '07-events');
    });

    await step('remember, see, delete', async () => {
      await ask(page, 'Remember that I like mornings');
      await page.getByRole('button', { name: 'Memory' }).click();
      const item = page.locator('#memory .facets li');
      await item.first().waitFor();
      assert.equal(await item.count(), 1);
      assert.match(await item.innerText(), /mornings/);
      await look(who, '08-memory');
      await page.getByRole('button', { name: /^Delete: / }).click();
      await page.getByText('Nothing is remembered.').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Memory' }).click();
      await page.getByText('Nothing is remembered.').waitFor();
      await look(who, '09-memory-empty');
      await page.keyboard.press('Escape');
      await ask(page, 'Remember that I like tea');
      await page.getByRole('button', { name: 'Memory' }).click();
      await page.getByRole('button', { name: 'Delete all' }).click();
      await page.locator('.sure').waitFor();
      await look(who, '10-memory-sure');
      await page.locator('.sure').getByRole('button', { name: 'Delete all' }).click();
      await page.getByText('Nothing is remembered.').waitFor();
      await page.locator('#memory').getByRole('button', { name: 'Close' }).click();
    });

    await step('a new conversation', async () => {
      await page.getByRole('button', { name: 'New' }).click();
      await until(async () => await page.locator('.turn').count() === 0, 'an empty page');
      assert.equal(await page.getByRole('heading', { name: 'What shall we plan?' }).isVisible(), true);
    });

    await step('disconnect', async () => {
      await page.getByRole('button', { name: 'Calendar' }).click();
      await page.getByRole('button', { name: 'Disconnect' }).waitFor();
      assert.deepEqual(await page.locator('#calendar .facets small').allInnerTexts(), ['Allowed', 'Allowed']);
      await look(who, '11-calendar');
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await page.locator('.sure').waitFor();
      await look(who, '12-disconnect-sure');
      await page.locator('.sure').getByRole('button', { name: 'Keep' }).click();
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await page.locator('.sure').getByRole('button', { name: 'Disconnect' }).click();
      await page.getByText('Google has confirmed that it is revoked.').waitFor();
      await look(who, '13-disconnected');
      assert.deepEqual((await admin('GET', `/tokens/${account}`)).refresh, []);
      await page.keyboard.press('Escape');
      assert.equal(await page.getByLabel('Your message').isDisabled(), true);
      await page.getByRole('button', { name: 'Calendar, not connected' }).waitFor();
    });

    await step('sign out', async () => {
      await page.getByRole('button', { name: 'Account' }).click();
      await page.locator('#account').getByText(`${account}@`).waitFor();
      await look(who, '14-account');
      await page.getByLabel('On all my devices').check();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('link', { name: 'Sign in with Google' }).waitFor();
      await home(page);
      const session = (await who.context.cookies(site.url)).find((one) => one.name === '__Host-cloister-session');
      assert.equal(session, undefined);
    });
    await who.close();
  });

test('a part of what was asked for: what is missing is said, and can be added', async () => {
  const account = await newAccount();
  const who = await open(browser, 'desktop');
  const { page } = who;
  await signIn(page, account);
  await toGoogle(page);
  await consent(page, account, { untick: ['View and edit events'] });
  await home(page);
  await page.getByText('Connected, but without the right to read and change events').waitFor();
  await look(who, '15-part');
  await page.getByRole('button', { name: 'Calendar' }).click();
  await page.locator('#calendar').getByText('Not allowed at Google').waitFor();
  await look(who, '16-calendar-part');
  await page.locator('#calendar').getByRole('link', { name: 'Allow more' }).click();
  await page.getByRole('heading', { name: 'Connect Google Calendar' }).waitFor();
  await look(who, '17-connect-part');
  await connect(page, account);
  await page.getByRole('button', { name: 'Calendar' }).click();
  await page.locator('#calendar .facets li').nth(1).waitFor();
  assert.deepEqual(await page.locator('#calendar .facets small').allInnerTexts(), ['Allowed', 'Allowed']);
  await who.close();
});

test('the watch over every page sees what it is there for', async () => {
  const who = await open(browser, 'desktop');
  await who.page.goto(`${site.url}/`);
  await who.page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.head.append(script);
    document.querySelector('h1').insertAdjacentHTML('beforebegin', '<img src="https://stranger.invalid/x.png">');
  });
  await until(() => who.faults.some((one) => one.includes('Content Security Policy')), 'a violation of the policy');
  assert.equal(await who.page.evaluate(() => window.ran), undefined);
  await assert.rejects(look(who, '00-control'), /image-alt/);
  await assert.rejects(who.close());
});
