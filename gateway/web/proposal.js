// A change that awaits the owner's word: what it is, old → new, how long it holds, and two buttons.
import { Problem } from './api.js';
import { button, el, letters, link } from './parts.js';

const VERBS = { create_event: 'Add', update_event: 'Change', delete_event: 'Cancel' };
const FIELDS = { title: 'Title', when: 'When', start: 'Start', end: 'End', recurrence: 'Repeats', zone: 'Time zone', guests: 'Guests', location: 'Place', description: 'Description' };
const LIFE_MS = 600000;
const OVER = ['proposal_gone', 'proposal_expired', 'proposal_used', 'proposal_changed'];

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text);
const isTime = (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text);

// From start to end as people write it, in the calendar's zone. The end of whole days is the day after.
function span(start, end, zone) {
  if (!start && !end) return '';
  const whole = isDay(start);
  if (!(whole && isDay(end)) && !(isTime(start) && isTime(end))) return [start, end].filter(Boolean).join(' – ');
  const from = new Date(start), to = new Date(new Date(end) - (whole ? 86400000 : 0));
  const year = from.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' };
  const style = { weekday: 'short', day: 'numeric', month: 'short', ...year, ...(whole ? { timeZone: 'UTC' } : { hour: 'numeric', minute: '2-digit', timeZone: zone || undefined }) };
  let format;
  try { format = new Intl.DateTimeFormat([], style); } catch { format = new Intl.DateTimeFormat([], { ...style, timeZone: undefined }); }
  return format.formatRange(from, to < from ? from : to) + (whole ? ', all day' : '');
}

const plain = (value) => (value === null || value === undefined ? '' : Array.isArray(value) ? value.map(plain).join(', ') : typeof value === 'object' ? JSON.stringify(value) : String(value));

// [field, old, new] for each line of the table; start and end are one.
function rows({ changes, timezone = '', tool, event, guests, more_guests, mail, ...rest }) {
  if (typeof changes !== 'object' || changes === null) return Object.entries(rest).map(([name, value]) => [name, '', plain(value)]);
  const { start, end, ...others } = changes;
  const all = Object.entries(others).map(([name, change]) => [name, plain(change?.old), plain(change?.new)]);
  if (start || end) all.splice(changes.title ? 1 : 0, 0, ['when', span(start?.old, end?.old, timezone), span(start?.new, end?.new, timezone)]);
  return all;
}

function table(lines, tool) {
  const sides = [['Now', 1], ['Then', 2]].filter(([, at]) => lines.some((line) => line[at]));
  const cell = (text, name) => el('td', { className: name.toLowerCase(), dir: 'auto', textContent: text || '–' });
  return el('table', { className: tool === 'update_event' ? 'changes' : 'changes single' },
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, el('span', { className: 'unseen', textContent: 'What' })), ...sides.map(([name]) => el('th', { scope: 'col', textContent: name })))),
    el('tbody', {}, ...lines.map((line) => el('tr', {}, el('th', { scope: 'row', textContent: FIELDS[line[0]] || line[0].replaceAll('_', ' ') }), ...sides.map(([name, at]) => cell(line[at], name))))));
}

// The clock here may be wrong: then it holds for as long as any does, from now on.
function holds(expires) {
  const left = new Date(expires) - Date.now();
  return performance.now() + (left > 0 && left <= LIFE_MS ? left : LIFE_MS);
}

export class Card {
  // `decide(word)` resolves to Cloister's words about what was done.
  constructor({ id, summary, arguments: details, expires_at }, decide) {
    this.id = id;
    this.summary = summary;
    this.spoken = `Waits for your word: ${summary}`;
    this.decide = decide;
    this.until = holds(expires_at);
    const lines = rows(details || {});
    const quoted = /^\S+ (?:the whole series )?“[^”]*”/.exec(summary);
    const verb = VERBS[details?.tool];
    const title = verb && quoted ? `${quoted[0].replace(/^\S+/, verb)}?` : 'Shall this be done?';
    this.state = el('p', { className: 'fine', tabIndex: -1 });
    this.state.setAttribute('role', 'status');
    this.left = el('span', { className: 'left' });
    this.left.setAttribute('role', 'timer');
    this.confirm = button('Confirm', () => this.say('confirm'));
    this.leave = button('Leave', () => this.say('reject'), 'button small plainer');
    this.row = el('div', { className: 'row' }, this.confirm, this.leave, this.left);
    // Without a time in the table, the words say which event it is.
    const words = el('p', { dir: 'auto', textContent: summary, className: quoted && lines.some(([name]) => name === 'when') ? 'unseen' : '' });
    const guests = details?.mail && details.guests?.length ? el('p', { className: 'mail', dir: 'auto', textContent: `Google will mail the guests: ${details.guests.join(', ')}${details.more_guests ? ` and ${details.more_guests} more` : ''}.` }) : null;
    this.node = el('div', { className: 'block proposal' }, el('h3', { dir: 'auto', textContent: title }), words, lines.length ? table(lines, details.tool) : null, guests, this.row, this.state);
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', `Proposed change: ${title}`);
    this.tick();
  }

  tick() {
    if (this.over) return;
    const seconds = Math.ceil((this.until - performance.now()) / 1000);
    if (seconds <= 0) {
      if (!this.running) this.close('This has expired, and nothing was changed. Ask again if you still want it.');
      return;
    }
    const minutes = Math.floor(seconds / 60);
    this.left.textContent = minutes >= 2 ? `${minutes} min left` : `${minutes}:${String(seconds % 60).padStart(2, '0')} left`;
    if (!this.node.isConnected && this.placed) return; // the conversation was cleared away
    this.placed = this.node.isConnected;
    setTimeout(() => this.tick(), minutes >= 2 ? Math.min(5000, (seconds - 120) * 1000 + 500) : 1000);
  }

  busy(running, text) {
    if (running) this.held = this.node.contains(document.activeElement); // a disabled button loses the focus
    this.running = running;
    this.confirm.disabled = this.leave.disabled = running;
    this.row.classList.toggle('busy', running);
    this.state.textContent = text;
  }

  // Decided, here or elsewhere: no more buttons.
  close(text, name = '') {
    const inside = this.held || this.node.contains(document.activeElement);
    this.over = true;
    this.running = false;
    this.row.remove();
    this.node.classList.add('over');
    if (name) this.node.classList.add(name);
    this.state.textContent = text;
    if (inside) this.state.focus();
  }

  async say(word) {
    this.busy(true, word === 'confirm' ? 'One moment: it is being done.' : 'One moment.');
    try {
      const text = await this.decide(word, () => { this.state.textContent = 'Connection lost. Trying again.'; });
      const known = letters(text) === letters(`Done: ${this.summary}`); // the card has shown all that it says
      this.close(known ? 'Done.' : text, word === 'confirm' ? 'done' : '');
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    const ours = error instanceof Problem;
    if (ours && OVER.includes(error.code)) return this.close(error.message);
    this.busy(false, ours ? error.message : 'The connection was lost. Trying again does nothing twice.');
    if (ours && error.signedOut) this.state.append(' ', link('Sign in again', '/login', ''));
    if (ours && error.unknown) this.leave.remove(); // it may have been done: only confirming finds out
    if (this.held) this.confirm.focus();
    this.held = false;
    this.tick();
  }
}
