// A day's budget that is used up: said plainly, with the reader's own hour; the question is not lost.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from '../browser.js';
import { newAccount, sql, until } from '../site.js';
import { answered, ask, begin, connect, lastTurn, signIn } from '../steps.js';

const QUESTION = 'What do I have tomorrow?';
const LATEST = '(SELECT user_id FROM cloister.turns ORDER BY began_at DESC LIMIT 1)';
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

for (const size of ['phone', 'desktop'])
  test(`whose budget and until when, ${size}`, async () => {
    const account = await newAccount();
    const { page, expected, close } = await open(browser, size);
    await signIn(page, account);
    await connect(page, account);
    const before = Number(sql('SELECT count(*) FROM cloister.turns'));
    await ask(page, QUESTION);
    await until(async () => Number(sql('SELECT count(*) FROM cloister.turns')) > before, 'the record');
    sql(`UPDATE cloister.user_days SET tokens = 1000000000 WHERE user_id = ${LATEST}`);
    expected.add(429);
    let asked = 0;
    page.on('request', (request) => { if (request.url().endsWith('/v1/chat')) asked++; });
    await begin(page, QUESTION);
    await answered(page);
    const text = await lastTurn(page).locator('.trouble').innerText();
    assert.match(text, /This user's token budget for today is used up\. A fresh one begins at 00:00 UTC, in /);
    const hour = await page.evaluate(() => {
      const fresh = new Date();
      fresh.setUTCHours(24, 0, 0, 0);
      return fresh.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
    });
    assert.ok(text.includes(`That is at ${hour} where you are.`), `${text}, and not ${hour}`);
    assert.equal(asked, 1, 'not asked again by itself');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'nor after a reload');
    await look({ page, size }, '30-budget');
    await page.getByRole('button', { name: 'Keep the question for then' }).click();
    assert.equal(await page.getByLabel('Your message').inputValue(), QUESTION);
    sql(`UPDATE cloister.user_days SET tokens = 0 WHERE user_id = ${LATEST}`); // midnight
    await page.keyboard.press('Enter');
    await page.locator('.turn').nth(2).waitFor();
    await answered(page);
    assert.equal(await lastTurn(page).locator('.trouble').count(), 0);
    await close();
  });
