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
  const get = async (options) => {
    const url = client.generateAuthUrl({ scope: ['openid', FREEBUSY], login_hint: name, ...options });
    const first = await fetch(url, { redirect: 'manual' });
    const to = first.headers.get('location');
    const query = to ? new URL(to).searchParams : (await consent(url, { account: name, decision: 'allow' })).query;
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
