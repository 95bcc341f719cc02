// The conversation: asks, shows, and brings a question to its end through reloads and lost connections.
import { call, Problem } from './api.js';
import { Turn } from './answer.js';
import { connection, onConnection, openPanels } from './panels.js';
import { button, link } from './parts.js';
import { converse, decide, pending } from './stream.js';

const $ = (id) => document.getElementById(id);
const main = $('scroll'), talk = $('talk'), message = $('message'), ask = $('ask'), send = $('send');
let running = null; // AbortController of the question under way
let follow = true;  // the reader is at the end and wants to stay there
let connected = true;

const account = () => document.querySelector('.account').textContent;
const say = (text) => { $('said').textContent = text; };
const LONGEST = 16384; // bytes of a message that Cloister takes
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

// ---- the composer ----
function fit() {
  message.style.height = 'auto';
  message.style.height = `${message.scrollHeight}px`;
}

// By how many letters, about, the message is too long; nothing that was written is cut off in silence.
function excess() {
  const text = message.value.trim();
  const bytes = text.length * 3 > LONGEST ? new TextEncoder().encode(text).length : 0;
  return bytes > LONGEST ? Math.ceil((bytes - LONGEST) * text.length / bytes) : 0;
}

function ready() {
  const over = excess();
  ask.classList.toggle('busy', Boolean(running));
  send.setAttribute('aria-label', running ? 'Stop' : 'Send');
  message.disabled = !connected;
  message.setAttribute('aria-invalid', over > 0);
  $('too-long').textContent = over ? `Too long to send, by about ${over.toLocaleString()} characters.` : '';
  send.disabled = !running && (!connected || !message.value.trim() || over > 0);
}

// ---- where the reader is ----
const atEnd = () => main.scrollHeight - main.scrollTop - main.clientHeight < 40;
let scrolled = 0;
main.addEventListener('scroll', () => {
  if (main.scrollTop < scrolled - 2) follow = false;
  if (atEnd()) follow = true;
  scrolled = main.scrollTop;
}, { passive: true });
const keepUp = () => { if (follow) main.scrollTop = main.scrollHeight; };

// ---- asking ----
function nextStep(problem, turn, question) {
  if (problem.signedOut) return link('Sign in again', '/login');
  if (problem.code === 'csrf_invalid') return button('Load the page again', () => location.reload());
  if (problem.unconnected) return link(problem.code === 'missing_permission' ? 'Allow more' : 'Connect Google Calendar', '/connect');
  if (/^https:\/\//.test(problem.action)) return link('Continue', problem.action);
  const putBack = () => { message.value = question.text; fit(); ready(); message.focus(); };
  if (problem.code === 'budget_used_up') return button('Keep the question for then', putBack);
  const lost = !(problem instanceof Problem);
  if (lost || problem.retryable || problem.unknown || problem.waitMs || problem.status >= 500)
    return button('Try again', () => { turn.restart(); message.focus(); run(question, turn); });
  return button('Change the question', putBack);
}

// Hours are the server's; whoever reads this has a clock of their own.
function here(waitMs) {
  return ` That is at ${new Date(Date.now() + waitMs).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })} where you are.`;
}

function explain(error) {
  if (error instanceof Problem) return error.message + (error.code === 'budget_used_up' && error.waitMs ? here(error.waitMs) : '');
  return navigator.onLine ? 'The connection was lost. What was asked is safe: trying again does nothing twice.'
    : 'You are offline. What was asked is safe: trying again does nothing twice.';
}

// ---- proposals ----
const cards = new Map();

// Every try at one word carries one key, so that trying again does nothing twice.
function propose(turn, data) {
  const keys = { confirm: key(), reject: key() };
  const word = async (chosen, again) => {
    const { reply, settled } = await decide({ id: data.id, word: chosen, key: keys[chosen] }, again);
    settle(settled?.filter((id) => id !== data.id));
    say(reply || '');
    return (reply || '').trim() || 'Done.';
  };
  const card = turn.proposal(data, word);
  cards.set(data.id, card);
  turn.answer.classList.add('asks');
}

// Decided by a word in the conversation, or made anew: the card has nothing to ask any more.
function settle(ids) {
  for (const id of ids || []) {
    const card = cards.get(id);
    if (card && !card.over && !card.running) card.close('This has been settled.');
  }
}

async function run(question, turn) {
  const stop = running = new AbortController();
  pending.keep(question);
  ready();
  const show = (name, data) => {
    if (name === 'delta') turn.text(data.text);
    else if (name === 'tool') { const words = turn.tool(data.name, data.state); if (words) say(words); }
    else if (name === 'proposal') propose(turn, data);
    else if (name === 'done') { settle(data.settled); turn.shown(data.shown || []); }
    keepUp();
  };
  const again = (why) => { turn.restart(why === 'offline' ? 'Offline. It goes on when you are back.' : 'Connection lost. Trying again.'); };
  try {
    await converse(question, { show, again }, stop.signal);
    say(turn.settle() || 'Done.');
    pending.drop();
  } catch (error) {
    if (stop.signal.aborted) {
      turn.note('Stopped. What was already done stays done.');
      say('Stopped.');
    } else {
      turn.trouble(explain(error), nextStep(error, turn, question));
      say(explain(error));
    }
    if (error?.unconnected) connection();
    if (!error?.signedOut) pending.drop(); // who signs in again gets the answer
  }
  if (running === stop) running = null;
  ready();
  keepUp();
}

function begin(question) {
  const turn = new Turn(question.text);
  $('welcome').hidden = true;
  $('notice').textContent = '';
  talk.append(turn.node);
  follow = true;
  main.scrollTo({ top: main.scrollHeight, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth' });
  run(question, turn);
}

function submit(text) {
  if (running || !connected || !text.trim() || excess()) return;
  begin({ key: key(), text: text.trim(), at: Date.now(), account: account() });
}

ask.addEventListener('submit', (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  const text = message.value;
  if (excess()) return;
  message.value = '';
  fit();
  submit(text);
  message.focus();
});
message.addEventListener('input', () => { fit(); ready(); });
message.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) ask.requestSubmit();
});
document.querySelectorAll('.ideas button').forEach((idea) => idea.addEventListener('click', () => { submit(idea.textContent); message.focus(); }));

// ---- a new conversation ----
$('open-new').addEventListener('click', async () => {
  if (running) running.abort();
  try {
    await call('DELETE', '/v1/users/me/session');
  } catch (error) {
    if (error.code !== 'unknown_user') {
      notice(error instanceof Problem ? error.message : 'The connection was lost. Try again in a moment.');
      return;
    }
  }
  talk.replaceChildren();
  cards.clear();
  $('welcome').hidden = false;
  say('New conversation.');
  message.focus();
});

// ---- the start ----
function notice(text, step = null) {
  $('notice').replaceChildren(text, ...(step ? [' ', step] : []));
}

// Back from connecting: the server's words are on the page, and need not stay in the address.
function arrived() {
  if (new URLSearchParams(location.search).has('missing')) notice($('notice').textContent, link('Allow more', '/connect', ''));
  if (location.search) history.replaceState(null, '', '/');
}

onConnection((state) => {
  connected = state === 'active';
  $('ready').hidden = !connected;
  $('first').hidden = connected;
  $('first').querySelector('p').textContent = state === 'broken' ? 'Google has ended the connection. Connect once more to go on.'
    : 'First, connect your Google Calendar. You choose how much of it Cloister may see.';
  $('dot').hidden = connected;
  $('open-calendar').setAttribute('aria-label', connected ? 'Calendar' : 'Calendar, not connected');
  message.placeholder = connected ? 'Ask or plan something' : 'Connect Google first';
  ready();
});

arrived();
openPanels();
ready();
document.querySelector('form[action="/logout"]').addEventListener('submit', () => pending.drop());
// A page that comes back from the browser's own cache may be of a session that is over.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
const left = pending.take(account());
if (left) begin(left);
connection().then(() => { if (connected && matchMedia('(pointer: fine)').matches && !document.querySelector('dialog[open]')) message.focus(); });
