// What the tests share: addresses, the admin API, connecting a person.
import { readFileSync } from 'node:fs';
import { OAuth2Client, CodeChallengeMethod } from 'google-auth-library';
import { calendar as calendarApi } from '@googleapis/calendar';

export const env = process.env;
export const clientSecret = readFileSync(env.CLIENT_SECRET_FILE, 'utf8').trim();
export const modelKey = readFileSync(env.MODEL_KEY_FILE, 'utf8').trim();
export const redirect = 'http://127.0.0.1:9/callback';
export const EVENTS = 'https://www.googleapis.com/auth/calendar.events';
export const FREEBUSY = 'https://www.googleapis.com/auth/calendar.freebusy';
export const READONLY = 'https://www.googleapis.com/auth/calendar.readonly';
export const LISTING = 'https://www.googleapis.com/auth/calendar.calendarlist.readonly';

export async function admin(method, path, body) {
  const answer = await fetch(env.ADMIN_URL + path, {
    method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

export function oauthClient(options = {}) {
  return new OAuth2Client({
    clientId: env.CLIENT_ID, clientSecret, redirectUri: redirect,
    endpoints: {
      oauth2AuthBaseUrl: env.GOOGLE_URL + '/o/oauth2/v2/auth',
      oauth2TokenUrl: env.GOOGLE_URL + '/token',
      oauth2RevokeUrl: env.GOOGLE_URL + '/revoke',
      tokenInfoUrl: env.GOOGLE_URL + '/tokeninfo',
      oauth2FederatedSignonPemCertsUrl: env.GOOGLE_URL + '/oauth2/v1/certs',
    },
    ...options,
  });
}

// Fills in the consent form; returns the query of the redirect, or the page when there is none. `cookie` is the
// browser's; the one that came back is in the answer.
export async function consent(url, fields, cookie = '') {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    for (const one of [value].flat()) body.append(name, one);
  const answer = await fetch(url, { method: 'POST', body, redirect: 'manual', headers: { cookie } });
  const to = answer.headers.get('location'), set = answer.headers.get('set-cookie');
  const kept = { cookie: set ? set.split(';')[0] : cookie, setCookie: set };
  return to ? { to, query: new URL(to).searchParams, ...kept } : { status: answer.status, page: await answer.text() };
}

let people = 0;
export const newName = () => `person${process.pid}x${++people}`;

// A connected person: tokens, and the official calendar client on them.
export async function connect(name = newName(), scope = ['openid', 'email', EVENTS, FREEBUSY], options = {}) {
  const client = oauthClient();
  const pkce = await client.generateCodeVerifierAsync();
  const url = client.generateAuthUrl({
    access_type: 'offline', prompt: 'consent', include_granted_scopes: true, scope, state: 'st/ate',
    code_challenge: pkce.codeChallenge, code_challenge_method: CodeChallengeMethod.S256, ...options });
  const { query } = await consent(url, { account: name, decision: 'allow' });
  const { tokens } = await client.getToken({ code: query.get('code'), codeVerifier: pkce.codeVerifier });
  client.setCredentials(tokens);
  const calendar = calendarApi({ version: 'v3', auth: client, rootUrl: env.GOOGLE_URL, retry: false });
  return { name, client, tokens, query, calendar, url };
}

// The error of a refused call.
export async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('this call should have been refused');
}
