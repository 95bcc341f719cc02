// What is beside the conversation: the calendar's connection, what the agent remembers, the account.
import { call, Problem } from './api.js';
import { button, el, link } from './parts.js';

const $ = (id) => document.getElementById(id);
const GOOGLE = '/v1/users/me/connections/google', MEMORY = '/v1/users/me/memory';
const FEATURES = { availability: 'See when you are free', events: 'Read and change events' };
const NAMES = { ...FEATURES, calendars: 'See your other calendars' };
const day = (text) => new Date(text).toLocaleDateString([], { day: 'numeric', month: 'long', year: 'numeric' });

let told = () => {};
export const onConnection = (hear) => { told = hear; };

// Asks for the connection's state and tells who wants to know. Null when it could not be found out.
export async function connection() {
  try {
    const got = await call('GET', GOOGLE);
    told(got.state);
    return got;
  } catch (error) {
    if (error.code !== 'unknown_user') return null;
    told('none');
    return { state: 'none', features: [], missing: [] };
  }
}

function fill(panel, ...nodes) {
  $(panel).querySelector('.body').replaceChildren(...nodes.filter(Boolean));
}

function trouble(panel, error, again) {
  const signedOut = error instanceof Problem && error.signedOut;
  fill(panel, el('p', { textContent: error instanceof Problem ? error.message : 'The connection was lost.' }),
    el('p', {}, signedOut ? link('Sign in again', '/login') : button('Try again', again)));
}

// Asks before something that cannot be taken back. The question takes the place of `node`.
function confirmed(node, text, word, act) {
  const keep = button('Keep', () => { box.replaceWith(node); node.focus(); }, 'button small plainer');
  const box = el('div', { className: 'sure' }, el('p', { textContent: text }), el('div', { className: 'row' }, button(word, act), keep));
  node.replaceWith(box);
  keep.focus();
}

// ---- calendar ----
const STATES = {
  none: 'No calendar is connected.',
  active: 'Google Calendar is connected.',
  broken: 'Google has ended the connection. Connect once more to go on.',
  disconnecting: 'The connection is being ended at Google.',
};

function features(got) {
  const row = (name, there) => el('li', {}, el('span', {}, NAMES[name] || name, el('small', { textContent: there ? 'Allowed' : 'Not allowed at Google' })));
  return el('ul', { className: 'facets' }, ...got.features.map((one) => row(one, true)), ...got.missing.map((one) => row(one, false)));
}

async function showCalendar() {
  fill('calendar', el('p', { className: 'fine', textContent: 'Looking…' }));
  let got;
  try {
    got = await call('GET', GOOGLE);
  } catch (error) {
    if (error.code !== 'unknown_user') return trouble('calendar', error, showCalendar);
    got = { state: 'none', features: [], missing: [] };
  }
  told(got.state);
  const since = got.state === 'active' && got.connected_at ? ` Since ${day(got.connected_at)}.` : '';
  const off = button('Disconnect', () => confirmed(off, 'Cloister deletes its access and asks Google to revoke it. Your calendar itself stays as it is.', 'Disconnect', disconnect), 'button small plainer');
  const whole = Object.keys(FEATURES).every((one) => got.features.includes(one));
  const linked = got.state === 'active' || got.state === 'broken';
  fill('calendar', el('p', { textContent: STATES[got.state] + since }),
    got.state === 'active' ? features(got) : null,
    got.state === 'active' && whole ? null : el('p', {}, link(got.state === 'active' ? 'Allow more' : 'Connect Google Calendar', '/connect')),
    linked ? off : null,
    el('p', { className: 'fine', textContent: 'It is looked at only while you are being answered. What was seen there is not kept.' }));
}

async function disconnect() {
  fill('calendar', el('p', { className: 'fine', textContent: 'Disconnecting…' }));
  try {
    const { revoked, detail } = await call('DELETE', GOOGLE);
    told('none');
    const words = el('p', { tabIndex: -1, textContent: revoked ? 'Disconnected. The access is deleted here, and Google has confirmed that it is revoked.'
      : `Disconnected. The access is deleted here. ${detail || 'Google has not confirmed the revocation yet.'}` });
    fill('calendar', words, el('p', {}, link('Connect again', '/connect', 'button small plainer')));
    words.focus();
  } catch (error) {
    trouble('calendar', error, showCalendar);
  }
}

// ---- memory ----
async function showMemory() {
  fill('memory', el('p', { className: 'fine', textContent: 'Looking…' }));
  try {
    listMemory((await call('GET', MEMORY)).items);
  } catch (error) {
    if (error.code === 'unknown_user') listMemory([]);
    else trouble('memory', error, showMemory);
  }
}

function listMemory(items) {
  const title = $('memory-title');
  title.tabIndex = -1;
  if (!items.length)
    return fill('memory', el('p', { textContent: 'Nothing is remembered.' }),
      el('p', { className: 'fine', textContent: 'Say “Remember that I like mornings” and it will be here, to be seen and deleted.' }));
  const forget = (item) => async () => {
    try {
      await call('DELETE', `${MEMORY}/${encodeURIComponent(item.id)}`);
    } catch (error) {
      return trouble('memory', error, showMemory);
    }
    title.focus();
    listMemory(items.filter((one) => one !== item));
  };
  const rows = items.map((item) => {
    const off = button('Delete', forget(item), 'quiet');
    off.setAttribute('aria-label', `Delete: ${item.text}`);
    const mend = button('Correct', () => correct(row, item, items), 'quiet');
    mend.setAttribute('aria-label', `Correct: ${item.text}`);
    const row = el('li', {}, el('span', {}, el('bdi', { textContent: item.text }), el('small', { textContent: day(item.created_at) })), el('span', { className: 'acts' }, mend, off));
    return row;
  });
  const all = button('Delete all', () => confirmed(all, 'Everything that is remembered is deleted at once. This cannot be undone.', 'Delete all', async () => {
    try {
      await call('DELETE', MEMORY);
      title.focus();
      listMemory([]);
    } catch (error) {
      trouble('memory', error, showMemory);
    }
  }), 'button small plainer');
  fill('memory', el('p', { textContent: 'You asked Cloister to remember this. It is sealed, and for you alone.' }), el('ul', { className: 'facets' }, ...rows), all);
}

// The note becomes a field, and back.
function correct(row, item, items) {
  const field = el('textarea', { value: item.text, maxLength: 300, rows: 3, dir: 'auto', required: true });
  field.setAttribute('aria-label', 'What is to be remembered');
  const state = el('p', { className: 'fine' });
  state.setAttribute('role', 'status');
  const back = (all) => { listMemory(all); $('memory-title').focus(); };
  const save = el('button', { className: 'button small', textContent: 'Save' });
  const form = el('form', { className: 'mend' }, field, el('div', { className: 'row' }, save, button('Keep as it is', () => back(items), 'button small plainer')), state);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      const now = await call('PUT', `${MEMORY}/${encodeURIComponent(item.id)}`, { text: field.value.replace(/\s+/g, ' ').trim() });
      back(items.map((one) => (one === item ? now : one)));
    } catch (error) {
      if (error.code === 'not_found' || error.signedOut) return trouble('memory', error, showMemory);
      state.textContent = error instanceof Problem ? error.message : 'The connection was lost. Try again.';
      save.disabled = false;
    }
  });
  row.replaceChildren(form);
  field.focus();
}

// ---- opening and closing ----
export function openPanels() {
  const shows = { calendar: showCalendar, memory: showMemory, account: () => {} };
  for (const [name, show] of Object.entries(shows)) {
    const panel = $(name);
    // showModal keeps the focus inside, closes on Escape and gives the focus back.
    $(`open-${name}`).addEventListener('click', () => { panel.showModal(); show(); });
    panel.querySelector('.close').addEventListener('click', () => panel.close());
    panel.addEventListener('click', (event) => { if (event.target === panel) panel.close(); });
  }
}
