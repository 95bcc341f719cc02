// One question and its answer on the page. Everything that others wrote becomes text, never markup.
import { Card } from './proposal.js';
import { el, letters } from './parts.js';

const TOOLS = {
  check_availability: ['Checking when you are free', 'Checked when you are free', 'Could not check when you are free'],
  list_events: ['Looking at your events', 'Looked at your events', 'Could not look at your events'],
  get_event: ['Looking at the event', 'Looked at the event', 'Could not look at the event'],
  create_event: ['Adding the event', 'Added the event', 'Did not add the event'],
  update_event: ['Changing the event', 'Changed the event', 'Did not change the event'],
  delete_event: ['Cancelling the event', 'Cancelled the event', 'Did not cancel the event'],
  remember: ['Taking a note', 'Took a note', 'Could not take a note'],
  forget: ['Forgetting a note', 'Forgot a note', 'Could not forget the note'],
  get_own_business: ['Looking at your business', 'Looked at your business', 'Could not look at your business'],
  edit_business: ['Writing a draft of your business', 'Wrote a draft of your business', 'Did not write the draft of your business'],
  list_bookings: ['Looking at your bookings', 'Looked at your bookings', 'Could not look at your bookings'],
  list_inquiries: ['Looking at customers’ questions', 'Looked at customers’ questions', 'Could not look at customers’ questions'],
};
const PROPOSED = { create_event: 'Prepared the event', update_event: 'Prepared the change', delete_event: 'Prepared the cancellation' };
const words = (name, state) => (state === 'proposed' && PROPOSED[name]) || (TOOLS[name] || ['Working', 'Done', 'That did not work'])[{ running: 0, done: 1, proposed: 1 }[state] ?? 2];

const SHOWN = {
  message: 'your message', history: 'what was said before', preferences: 'what you asked to remember', busy_times: 'busy times', titles: 'titles',
  times: 'times', places: 'places', descriptions: 'descriptions', people: 'guests', addresses: 'guests’ addresses', links: 'video links', context: 'texts that came along',
};

// A line of text with **strong** words; nothing else of Markdown matters inside a line.
function inline(line) {
  return line.split(/\*\*(.+?)\*\*/).map((part, i) => (i % 2 ? el('b', { textContent: part }) : part));
}

// Text that grows. Only the last line is ever written again, so nothing above it moves.
class Prose {
  constructor() {
    this.node = el('div', { className: 'said' });
    this.line = '';
    this.all = '';
  }
  add(text) {
    this.all += text;
    const [first, ...more] = text.split('\n');
    this.write(this.line + first);
    for (const line of more) {
      this.last = null;
      this.write(line);
    }
  }
  // Forgets everything from the last line on that says this. On its way an answer's signs may have been made harmless.
  cutFrom(words) {
    const lines = this.all.split('\n');
    const at = lines.findLastIndex((line) => letters(line) === letters(words));
    if (at < 0) return;
    const rest = lines.slice(0, at).join('\n').trimEnd();
    this.node.replaceChildren();
    this.line = this.all = '';
    this.last = null;
    if (rest) this.add(rest);
    else this.node.remove();
  }
  write(line) {
    this.line = line;
    if (!line.trim()) return;
    if (!this.last) this.node.append(this.last = el('p', { dir: 'auto' }));
    const [, mark, rest] = /^\s*([-*•]|#{1,4})\s+(.*)$/s.exec(line) || [];
    this.last.className = mark ? (mark[0] === '#' ? 'head' : 'item') : '';
    this.last.replaceChildren(...inline(mark ? rest : line));
  }
}

export class Turn {
  constructor(text) {
    this.answer = el('div', { className: 'answer' });
    this.node = el('article', { className: 'turn' }, el('h2', { className: 'unseen', textContent: 'You asked' }),
      el('p', { className: 'asked', dir: 'auto', textContent: text }), el('h2', { className: 'unseen', textContent: 'Answer' }), this.answer);
    this.restart();
  }

  // Forgets what was shown of an answer and waits for a new one.
  restart(why = '') {
    this.tools = [];
    this.cards = [];
    this.prose = null;
    this.parts = [];
    this.waits = el('div', { className: 'waits' }, el('i'), el('i'), el('i'), why);
    this.answer.replaceChildren(this.waits);
    this.answer.setAttribute('aria-busy', 'true');
  }

  put(node) {
    if (this.waits) this.waits.remove();
    this.waits = null;
    this.answer.append(node);
  }

  text(piece) {
    if (!this.prose) {
      if (!piece.trim()) return;
      this.prose = new Prose();
      this.parts.push(this.prose);
      this.put(this.prose.node);
    }
    this.prose.add(piece);
  }

  // Returns the words for a tool that starts.
  tool(name, state) {
    const known = this.tools.find((one) => one.name === name && one.state === 'running');
    if (state !== 'running' && known) {
      known.state = known.node.className = state;
      known.node.textContent = words(name, state);
      return '';
    }
    this.prose = null;
    let list = this.answer.lastElementChild;
    if (!list?.classList.contains('did')) this.put(list = el('ul', { className: 'did' }));
    const node = el('li', { className: state, textContent: words(name, state) });
    list.append(node);
    this.tools.push({ name, state, node });
    return words(name, state);
  }

  // A change that awaits the owner's word. The end of the text says the same in words, for frontends
  // without cards: here the card takes its place.
  proposal(data, decide) {
    this.parts.at(-1)?.cutFrom(data.summary);
    this.prose = null;
    const card = new Card(data, decide);
    this.cards.push(card);
    this.put(card.node);
    return card;
  }

  // A small line: what the model provider was sent, in kinds.
  shown(kinds) {
    const named = kinds.map((kind) => SHOWN[kind]).filter(Boolean);
    if (named.length > 1) this.put(el('p', { className: 'fine shown', textContent: `Sent to the model: ${named.join(', ')}.` }));
  }

  // What went wrong, and the one thing to do about it.
  trouble(text, step) {
    this.settle();
    this.put(el('div', { className: 'block trouble' }, el('p', { textContent: text }), step && el('div', { className: 'row' }, step)));
  }

  note(text) {
    this.settle();
    this.put(el('p', { className: 'fine', textContent: text }));
  }

  // No more is to come. Returns all that was said.
  settle() {
    this.answer.removeAttribute('aria-busy');
    for (const one of this.tools.filter((tool) => tool.state === 'running')) {
      one.state = one.node.className = 'failed';
      one.node.textContent += ': interrupted'; // whether it was done is not known here
    }
    if (this.waits) this.waits.remove();
    this.waits = null;
    return [...this.parts.map((one) => one.all), ...this.cards.map((card) => card.spoken)].join('\n').trim();
  }
}
