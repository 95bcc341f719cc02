// What the pages weigh, and what they are made of.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { site } from '../site.js';

const folder = new URL('../../../gateway/web/', import.meta.url);
const files = readdirSync(folder);

const weigh = (names) => names.reduce((all, name) => all + readFileSync(new URL(name, folder)).length, 0);
const ofBusinesses = (name) => /^(front|office)/.test(name);

test('the chat and its pages weigh under 74 KB, the pages of businesses add under 32 KB', () => {
  const chat = files.filter((name) => !ofBusinesses(name)), businesses = files.filter(ofBusinesses);
  assert.ok(chat.length >= 8 && weigh(chat) < 74000, `${weigh(chat)} bytes`);
  assert.ok(businesses.length >= 4 && weigh(businesses) < 32000, `${weigh(businesses)} bytes`);
});

test('no inline script or style, nothing from elsewhere, no markup made from text', () => {
  for (const name of files) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    if (name.endsWith('.html')) {
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i, name);
      assert.doesNotMatch(text, /(?:src|href|action)="(?!\/|#|\{\{)/, name);
    }
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|@import|url\((?!#)/, name);
    if (!name.endsWith('.svg')) assert.doesNotMatch(text, /https?:\/\/[a-z]/i, name);
  }
});

test('every asset is served with its type, and again as unchanged', async () => {
  for (const name of files.filter((one) => !one.endsWith('.html'))) {
    const reply = await fetch(`${site.url}/assets/${name}`);
    assert.equal(reply.status, 200, name);
    assert.equal(await reply.text(), readFileSync(new URL(name, folder), 'utf8'), name);
    assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
    const again = await fetch(`${site.url}/assets/${name}`, { headers: { 'If-None-Match': reply.headers.get('etag') } });
    assert.equal(again.status, 304, name);
  }
  assert.equal((await fetch(`${site.url}/assets/chat.html`)).status, 404, 'a template is no page');
});

test('the policy allows no inline script or style', async () => {
  const reply = await fetch(`${site.url}/`);
  const policy = reply.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.match(policy, /style-src 'self'(;|$)/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(reply.headers.get('x-frame-options'), /DENY/i);
});
