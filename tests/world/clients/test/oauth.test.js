import { test } from 'node:test';
import assert from 'node:assert/strict';
import { admin, connect, consent, env, EVENTS, FREEBUSY, newName, oauthClient, redirect, refused } from './world.js';

test('code flow with PKCE, id_token and refresh', async () => {
  const p = await connect(newName(), undefined, { nonce: 'n0nce' });
  assert.equal(p.query.get('state'), 'st/ate');
  assert.match(p.tokens.access_token, /^ya29\./);
  assert.match(p.tokens.refresh_token, /^1\/\//);
  assert.deepEqual(p.tokens.scope.split(' ').sort(),
    ['https://www.googleapis.com/auth/userinfo.email', EVENTS, FREEBUSY, 'openid'].sort());
  const ticket = await p.client.verifyIdToken({ idToken: p.tokens.id_token, audience: env.CLIENT_ID });
  const claims = ticket.getPayload();
  assert.equal(claims.email, `${p.name}@example.test`);
  assert.equal(claims.nonce, 'n0nce');
  assert.match(claims.sub, /^\d{21}$/);
  const before = p.client.credentials.access_token;
  const { credentials } = await p.client.refreshAccessToken();
  assert.notEqual(credentials.access_token, before);
  assert.equal(credentials.refresh_token, p.tokens.refresh_token);
  const info = await p.client.getTokenInfo(credentials.access_token);
  assert.equal(info.sub, claims.sub);
});

test('an expired access token is refreshed by the client itself', async () => {
  const p = await connect();
  await admin('POST', `/tokens/${p.name}/kill?access_only=1`);
  p.client.credentials.expiry_date = Date.now() - 1000;
  const list = await p.calendar.events.list({ calendarId: 'primary' });
  assert.equal(list.status, 200);
});

test('a killed refresh token is invalid_grant', async () => {
  const p = await connect();
  await admin('POST', `/tokens/${p.name}/kill`);
  const error = await refused(p.client.refreshAccessToken());
  assert.equal(error.response.status, 400);
  assert.equal(error.response.data.error, 'invalid_grant');
});

test('revoking ends both tokens', async () => {
  const p = await connect();
  assert.equal((await p.client.revokeToken(p.tokens.refresh_token)).status, 200);
  assert.equal((await refused(p.client.refreshAccessToken())).response.data.error, 'invalid_grant');
  assert.equal((await refused(p.client.revokeToken(p.tokens.refresh_token))).response.data.error, 'invalid_token');
});

test('codes are single use, bound to redirect address and verifier', async () => {
  const client = oauthClient();
  const pkce = await client.generateCodeVerifierAsync();
  const url = client.generateAuthUrl({ scope: ['openid'], code_challenge: pkce.codeChallenge, code_challenge_method: 'S256' });
  const code = async () => (await consent(url, { account: newName(), decision: 'allow' })).query.get('code');
  const one = await code();
  await client.getToken({ code: one, codeVerifier: pkce.codeVerifier });
  assert.equal((await refused(client.getToken({ code: one, codeVerifier: pkce.codeVerifier }))).response.data.error, 'invalid_grant');
  assert.equal((await refused(client.getToken({ code: await code(), codeVerifier: 'x'.repeat(43) }))).response.data.error, 'invalid_grant');
  assert.equal((await refused(client.getToken({ code: await code() }))).response.data.error, 'invalid_grant');
  assert.equal((await refused(client.getToken({ code: await code(), codeVerifier: pkce.codeVerifier, redirect_uri: redirect + '/' }))).response.data.error,
    'redirect_uri_mismatch');
  const late = await code();
  await admin('POST', '/clock', { offset: 301 });
  assert.equal((await refused(client.getToken({ code: late, codeVerifier: pkce.codeVerifier }))).response.data.error, 'invalid_grant');
  await admin('POST', '/clock', { offset: 0 });
});

test('wrong secret is invalid_client with 401', async () => {
  const client = oauthClient({ clientSecret: 'wrong' });
  const error = await refused(client.getToken('4/x'));
  assert.equal(error.response.status, 401);
  assert.equal(error.response.data.error, 'invalid_client');
});

test('the consent page: a subset, a refusal, errors shown and not redirected', async () => {
  const client = oauthClient();
  const ask = { scope: ['openid', EVENTS, FREEBUSY], access_type: 'offline', state: 's' };
  const url = client.generateAuthUrl(ask);
  const page = await (await fetch(url)).text();
  assert.match(page, /<form method="post"/);
  assert.match(page, /type="checkbox" name="scope" checked value="[^"]*calendar.events"/);
  const some = await consent(url, { account: newName(), scope: [FREEBUSY], decision: 'allow' });
  assert.ok(some.query.get('scope').includes(FREEBUSY) && !some.query.get('scope').includes(EVENTS));
  const none = await consent(url, { account: newName(), granular: '1', decision: 'allow' });
  assert.equal(none.query.get('scope'), 'openid');
  const no = await consent(url, { account: newName(), decision: 'deny' });
  assert.equal(no.query.get('error'), 'access_denied');
  assert.equal(no.query.get('state'), 's');
  assert.equal(no.query.get('code'), null);
  const elsewhere = await fetch(url.replace(encodeURIComponent(redirect), encodeURIComponent('https://evil.example/')), { redirect: 'manual' });
  assert.equal(elsewhere.status, 400);
  assert.match(await elsewhere.text(), /redirect_uri_mismatch/);
  assert.equal((await fetch(url.replace('client_id=', 'client_id=x'))).status, 400);
});

test('refresh tokens come only offline, the first time or with prompt=consent', async () => {
  const name = newName(), client = oauthClient();
  let cookie = '';
  const get = async (options) => {
    const url = client.generateAuthUrl({ scope: ['openid', FREEBUSY], login_hint: name, ...options });
    const first = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const to = first.headers.get('location');
    const asked = to ? null : await consent(url, { account: name, decision: 'allow' }, cookie);
    const query = to ? new URL(to).searchParams : asked.query;
    cookie = asked?.cookie ?? cookie;
    return { silent: !!to, tokens: (await client.getToken(query.get('code'))).tokens };
  };
  assert.equal((await get({})).tokens.refresh_token, undefined);
  const first = await get({ access_type: 'offline' });
  assert.ok(first.silent && first.tokens.refresh_token);
  assert.equal((await get({ access_type: 'offline' })).tokens.refresh_token, undefined);
  const again = await get({ access_type: 'offline', prompt: 'consent' });
  assert.ok(!again.silent && again.tokens.refresh_token);
  const wider = await get({ scope: [EVENTS], prompt: 'consent', include_granted_scopes: true });
  assert.ok(wider.tokens.scope.includes(FREEBUSY) && wider.tokens.scope.includes(EVENTS));
});

test('signing in: asked the first time in a browser, then not again; the chooser; online gives no refresh token', async () => {
  const name = newName(), client = oauthClient();
  const at = (options) => client.generateAuthUrl({ scope: ['openid', 'email'], state: 's', nonce: 'n', ...options });
  const look = async (url, cookie = '') => fetch(url, { redirect: 'manual', headers: { cookie } });
  const page = await (await look(at())).text();
  assert.equal(page.match(/<h1>/g).length, 1);
  assert.match(page, /stand-in for Google/);
  assert.doesNotMatch(page, /type="checkbox"/, 'signing in has nothing to untick');
  const first = await consent(at(), { account: name, granular: '1', decision: 'allow' });
  assert.match(first.setCookie, /HttpOnly; SameSite=Lax; Secure/);
  const { tokens } = await client.getToken(first.query.get('code'));
  assert.equal(tokens.refresh_token, undefined);
  const claims = (await client.verifyIdToken({ idToken: tokens.id_token, audience: env.CLIENT_ID })).getPayload();
  assert.deepEqual([claims.email, claims.email_verified, claims.nonce], [`${name}@example.test`, true, 'n']);
  const again = await look(at(), first.cookie);
  assert.equal(again.status, 302, 'known in this browser, granted before');
  const second = await client.getToken(new URL(again.headers.get('location')).searchParams.get('code'));
  assert.equal((await client.verifyIdToken({ idToken: second.tokens.id_token, audience: env.CLIENT_ID })).getPayload().sub, claims.sub);
  assert.equal((await look(at())).status, 200, 'another browser is asked');
  assert.equal((await look(at({ login_hint: name }))).status, 200, 'a hint signs nobody in');
  const chooser = await look(at({ prompt: 'select_account' }), first.cookie);
  assert.equal(chooser.status, 200);
  assert.match(await chooser.text(), new RegExp(`name="pick" checked value="${name}@example.test"`));
  const other = await consent(at({ prompt: 'select_account' }), { pick: `${newName()}@example.test`, account: '', decision: 'allow' }, first.cookie);
  assert.ok(other.query.get('code'));
  assert.equal((await look(at(), first.cookie)).status, 200, 'two accounts in one browser: choose');
  assert.equal((await look(at({ login_hint: name }), first.cookie)).status, 302);
  assert.equal((await look(at({ login_hint: name, prompt: 'consent' }), first.cookie)).status, 200, 'asked for');
  const wider = await look(at({ scope: ['openid', 'email', EVENTS], login_hint: name }), first.cookie);
  assert.equal(wider.status, 200, 'not granted yet');
  assert.match(await wider.text(), /type="checkbox"/);
  assert.match((await look(at({ prompt: 'none' }))).headers.get('location'), /error=login_required/);
});

test('an id_token can be made wrong', async () => {
  const name = newName(), client = oauthClient(), nonce = 'right';
  const url = client.generateAuthUrl({ scope: ['openid', 'email'], nonce });
  const get = async (reason) => {
    if (reason) await admin('POST', '/faults', { match: { service: 'token' }, kind: 'id_token', reason });
    const { tokens } = await client.getToken((await consent(url, { account: name, decision: 'allow' })).query.get('code'));
    return tokens.id_token && JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url').toString('latin1').replace(/[^ -~]/g, '') || '{}');
  };
  const good = await get();
  assert.equal(good.nonce, nonce);
  for (const [reason, differs] of [['nonce', 'nonce'], ['no_nonce', 'nonce'], ['aud', 'aud'], ['iss', 'iss'], ['expired', 'exp'],
    ['no_sub', 'sub'], ['sub', 'sub'], ['unverified', 'email_verified'], ['no_email', 'email']]) {
    const bad = await get(reason);
    for (const claim of ['nonce', 'aud', 'iss', 'sub', 'email', 'email_verified'])
      assert.equal(bad[claim] === good[claim], claim !== differs, `${reason}: ${claim}`);
    assert.equal(bad.exp < Date.now() / 1000, reason === 'expired');
  }
  assert.equal(await get('missing'), undefined);
  assert.equal((await get()).sub, good.sub, 'used once');
  await assert.rejects(admin('POST', '/faults', { match: {}, kind: 'id_token', reason: 'what' }));
});
