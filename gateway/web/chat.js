// The conversation: asks, shows, and brings a question to its end through reloads and lost connections.
import { call, Problem } from './api.js';
import { Turn, button, link } from './answer.js';
import { connection, onConnection, openPanels } from './panels.js';
import { converse, pending } from './stream.js';

const $ = (id) => document.getElementById(id);
const main = $('scroll'), talk = $('talk'), message = $('message'), ask = $('ask'), send = $('send');
let running = null; // AbortController of the question under way
let follow = true;  // the reader is at the end and wants to stay there
let connected = true;

const account = () => document.querySelector('.account').textContent;
const say = (text) => { $('said').textContent = text; };
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

// ---- the composer ----
function fit() {
  message.style.height = 'auto';
  message.style.height = `${message.scrollHeight}px`;
}

function ready() {
  ask.classList.toggle('busy', Boolean(running));
  send.setAttribute('aria-label', running ? 'Stop' : 'Send');
  message.disabled = !connected;
  send.disabled = !running && (!connected || !message.value.trim());
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
  const lost = !(problem instanceof Problem);
  if (lost || problem.retryable || problem.unknown || problem.waitMs || problem.status >= 500)
    return button('Try again', () => { turn.restart(); message.focus(); run(question, turn); });
  return button('Change the question', () => { message.value = question.text; fit(); ready(); message.focus(); });
}

function explain(error) {
  if (error instanceof Problem) return error.message;
  return navigator.onLine ? 'The connection was lost. What was asked is safe: trying again does nothing twice.'
    : 'You are offline. What was asked is safe: trying again does nothing twice.';
}

async function run(question, turn) {
  const stop = running = new AbortController();
  pending.keep(question);
  ready();
  const show = (name, data) => {
    if (name === 'delta') turn.text(data.text);
    else if (name === 'tool') { const words = turn.tool(data.name, data.state); if (words) say(words); }
    else if (name === 'proposal') turn.proposal(data, (id, word) => call('POST', `/v1/proposals/${encodeURIComponent(id)}/${word}`));
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
  if (running || !connected || !text.trim()) return;
  begin({ key: key(), text: text.trim(), at: Date.now(), account: account() });
}

ask.addEventListener('submit', (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  const text = message.value;
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
