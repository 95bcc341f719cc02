// One question, however many requests it takes. All of them carry one Idempotency-Key, so Cloister
// finds what an earlier one did and does nothing twice.
import { Problem, call, send } from './api.js';

const ATTEMPTS = 6;
const SILENCE_MS = 45000; // three of the server's heartbeats
const OFFLINE_MS = 120000;

class Lost extends Error {}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

// Yields {name, data} of a stream of server-sent events (HTML standard, 9.2.6, as far as Cloister uses it).
export async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', name = '', data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (data.length) yield { name: name || 'message', data: JSON.parse(data.join('\n')) };
          name = '';
          data = [];
        } else if (line.startsWith('event:')) name = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // lets go of the connection, whichever way this ends
  }
}

// One request. Ends well after `done`; throws a Problem, Lost, or what fetch throws.
async function attempt(question, show, signal) {
  const quiet = new AbortController();
  let timer;
  const alive = () => { clearTimeout(timer); timer = setTimeout(() => quiet.abort(new Lost()), SILENCE_MS); };
  alive();
  try {
    const response = await send('POST', '/v1/chat', {
      headers: { Accept: 'text/event-stream', 'Content-Type': 'application/json', 'Idempotency-Key': question.key },
      body: JSON.stringify({ message: question.text, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone }),
      signal: AbortSignal.any([signal, quiet.signal]),
    });
    for await (const { name, data } of events(response.body, alive)) {
      if (name === 'error') throw new Problem(0, data);
      show(name, data);
      if (name === 'done') return;
    }
    throw new Lost();
  } finally {
    clearTimeout(timer);
  }
}

// Whether the same request may find its answer when it is sent again by itself.
function worthRepeating(error) {
  if (!(error instanceof Problem)) return true; // the connection, not Cloister
  if (error.waitMs > 20000) return false;
  if (error.status === 0) return error.retryable && error.unknown;
  if (error.status === 429) return error.code === 'busy' || error.waitMs > 0;
  if (error.code === 'proposal_busy') return true;
  return [502, 503, 504].includes(error.status) && (error.retryable || error.waitMs > 0 || !error.spoken);
}

async function online(signal) {
  if (navigator.onLine) return;
  const back = new Promise((resolve) => addEventListener('online', resolve, { once: true }));
  await Promise.race([back, pause(OFFLINE_MS, signal)]);
}

// Does `one` until it succeeds or cannot; `again(reason)` is called before a repeat. Throws the last
// error, or the signal's reason.
async function persist(one, again, signal) {
  for (let n = 1; ; n++) {
    try {
      return await one();
    } catch (error) {
      signal.throwIfAborted();
      if (n === ATTEMPTS || !worthRepeating(error)) throw error;
      again(navigator.onLine ? 'lost' : 'offline');
      await online(signal);
      const wait = Math.max(500 * 2 ** (n - 1), error.waitMs || 0);
      await pause(wait * (0.75 + Math.random() / 2), signal);
    }
  }
}

// `show(name, data)` gets every event; the events of a repeat replace what was shown so far.
export const converse = (question, { show, again }, signal) => persist(() => attempt(question, show, signal), again, signal);

// The owner's word on a proposal, under one key for each word. Resolves to what Cloister says of it.
export function decide({ id, word, key }, again) {
  const { signal } = new AbortController();
  const path = `/v1/proposals/${encodeURIComponent(id)}/${word}`;
  const body = { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  return persist(() => call('POST', path, body, { headers: { 'Idempotency-Key': key }, signal: AbortSignal.timeout(130000) }), again, signal);
}

// A question stays here until it is answered, so that a reload in between finishes it.
const PLACE = 'cloister.pending';
export const pending = {
  keep: (question) => { try { sessionStorage.setItem(PLACE, JSON.stringify(question)); } catch { /* private mode */ } },
  drop: () => { try { sessionStorage.removeItem(PLACE); } catch { /* private mode */ } },
  // For whoever asked it alone: somebody else may have signed in in this tab since.
  take(account) {
    try {
      const question = JSON.parse(sessionStorage.getItem(PLACE));
      if (question?.account === account && Date.now() - question.at < 600000) return question;
    } catch { /* none that can be read */ }
    pending.drop();
    return null;
  },
};
