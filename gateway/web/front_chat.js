// A customer's chat with a business's assistant. What it says is text, never markup.
const talk = document.getElementById('talk'), form = document.getElementById('chat-form'), field = document.getElementById('chat-message');
const path = `/v1/businesses/${encodeURIComponent(talk.dataset.business)}/chat`;
const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, '0')).join('');
const conversation = random(); // nobody else's, and gone with this page
const SILENCE_MS = 60000;
let unanswered = null; // the question that failed: asked again it is the same request, and books nothing twice

function say(look, text) {
  const line = document.createElement('p');
  line.className = look;
  line.dir = 'auto';
  line.textContent = text;
  talk.append(line);
  return line;
}

// The links of bookings and questions here, to press; every other address stays text.
function linked(text) {
  return text.split(/(https?:\/\/[^\s"'<>]+)/).map((part) => {
    const [, link, rest] = /^(.*?)([.,;:!?)\]]*)$/s.exec(part);
    const ours = ['/bookings/', '/inquiries/'].some((path) => link.startsWith(location.origin + path));
    if (!ours) return part;
    const a = Object.assign(document.createElement('a'), { href: link, textContent: link, target: '_blank', rel: 'noopener' });
    return [a, rest];
  }).flat();
}

// Calls `show(name, data)` for each server-sent event.
async function follow(body, alive, show) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const data = lines.filter((one) => one.startsWith('data:')).map((one) => one.slice(5).trim()).join('\n');
      const name = (lines.find((one) => one.startsWith('event:')) || 'event:message').slice(6).trim();
      if (data) show(name, JSON.parse(data));
    }
  }
}

async function ask({ text, key }) {
  const answer = say('answer', '…'), quiet = new AbortController();
  let said = '', ended = false, timer;
  const alive = () => { clearTimeout(timer); timer = setTimeout(() => quiet.abort(), SILENCE_MS); };
  const show = (name, data) => {
    if (name === 'delta') { said += data.text; answer.textContent = said; }
    if (name === 'done') ended = true;
    if (name === 'error') throw new Error(data.detail);
  };
  try {
    alive();
    const reply = await fetch(path, { method: 'POST', signal: quiet.signal,
      headers: { Accept: 'text/event-stream', 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify({ message: text, conversation, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone }) });
    if (!reply.ok) throw new Error((await reply.json().catch(() => null))?.detail);
    await follow(reply.body, alive, show);
    if (!ended) throw new Error();
    unanswered = null;
  } catch (error) {
    if (!said) answer.remove();
    unanswered = { text, key };
    const detail = error.name === 'Error' && error.message;
    say('wrong', detail || 'No answer came. Try again in a moment.');
    field.value ||= text;
  } finally {
    clearTimeout(timer);
    if (said) answer.replaceChildren(...linked(said));
  }
}

form.hidden = false;
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text || form.getAttribute('aria-busy')) return;
  form.setAttribute('aria-busy', 'true');
  talk.setAttribute('aria-busy', 'true'); // read out when it is whole, not at every word
  field.value = '';
  say('asked', text);
  await ask(text === unanswered?.text ? unanswered : { text, key: random() });
  talk.removeAttribute('aria-busy');
  form.removeAttribute('aria-busy');
  // Whoever went on to another field in the meantime is left there.
  if (form.contains(document.activeElement)) field.focus();
});
field.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
