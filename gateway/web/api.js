// Calls of Cloister's API as the person who is signed in here.

const meta = document.querySelector('meta[name=csrf]');
export const csrf = () => meta.content;

// What the server answered instead of what was asked for. A problem document or an `error` event.
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || 'The server did not answer as expected.');
    this.status = status;
    this.code = body?.code || '';
    this.retryable = body?.retryable === true;
    this.unknown = body?.unknown_writes === true;
    this.waitMs = Number(body?.retry_after_ms) || 0;
    this.action = body?.action_url || '';
    this.spoken = Boolean(body?.code); // Cloister's own words, not those of something on the way
    if (this.signedOut) this.message = 'You have been signed out. Sign in again to go on.'; // the API's words are for programs
  }
  static async of(response) {
    let body = null;
    try { body = await response.json(); } catch { /* something on the way answered */ }
    return new Problem(response.status, body);
  }
  get signedOut() { return this.status === 401 || this.code === 'session_invalid' || this.code.startsWith('grant_'); }
  get unconnected() { return ['unknown_user', 'not_connected', 'reconnect_required', 'disconnected', 'missing_permission'].includes(this.code); }
}

export async function send(method, path, options = {}) {
  const go = () => fetch(path, { ...options, method, cache: 'no-store', credentials: 'same-origin', redirect: 'error',
    headers: { Accept: 'application/json', ...options.headers, 'Cloister-CSRF': csrf() } });
  let response = await go();
  if (response.ok) return response;
  let problem = await Problem.of(response);
  // Another tab may have signed in anew: then this page's token is of a session that is no more.
  if (problem.code === 'csrf_invalid' && await refresh()) {
    response = await go();
    if (response.ok) return response;
    problem = await Problem.of(response);
  }
  throw problem;
}

// Null for an answer without a body. Bounded: a panel must not wait for ever.
export async function call(method, path, body = null, more = {}) {
  const given = body === null ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...more.headers } };
  const response = await send(method, path, { signal: AbortSignal.timeout(30000), ...more, ...given });
  return response.status === 204 ? null : response.json();
}

let shown = Date.now();

// Keeps the session's cookie and token fresh. True when there is a token now that was not there before.
export async function refresh() {
  shown = Date.now();
  try {
    const response = await fetch('/v1/session', { cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(15000) });
    const session = response.ok ? await response.json() : null;
    if (!session?.csrf || session.csrf === csrf()) return false;
    meta.content = session.csrf;
    document.querySelectorAll('input[name=csrf]').forEach((input) => { input.value = session.csrf; });
    document.querySelectorAll('.account').forEach((place) => { place.textContent = session.account; });
    return true;
  } catch {
    return false; // offline: the next request will tell
  }
}

const due = () => { if (document.visibilityState === 'visible' && Date.now() - shown > 300000) refresh(); };
document.addEventListener('visibilitychange', due);
setInterval(due, 60000);
