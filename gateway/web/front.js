// What makes the businesses' pages better where there are scripts; all of it works without.
document.documentElement.classList.add('scripted');

// Times in the zone of whoever looks, unless they chose another.
const zoneForm = document.getElementById('zone');
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const address = (form) => `${form.action.split('#')[0]}?${new URLSearchParams(new FormData(form))}`;

// Another week, or another zone, without losing what was typed: only the times are replaced. Of several wishes the
// last one counts; where it fails, the times and the zone stay as they were.
let latest = null, shownZone = document.getElementById('tz')?.value;
const tell = (text, look) => Object.assign(document.getElementById('told'), { className: look, textContent: text });

function show(fresh) {
  const picked = Date.parse(document.querySelector('#slots input:checked')?.value);
  for (const id of ['weeks', 'slots']) document.getElementById(id).replaceWith(fresh.getElementById(id));
  for (const name of ['tz', 'week']) {
    const now = fresh.querySelector(`form.once [name=${name}]`), then = document.querySelector(`form.once [name=${name}]`);
    if (now && then) then.value = now.value;
  }
  shownZone = fresh.getElementById('tz').value;
  zoneForm.elements.tz.value = shownZone;
  zoneForm.elements.week.value = fresh.querySelector('#zone [name=week]').value;
  const slots = [...document.querySelectorAll('#slots input')];
  for (const one of slots) one.checked = Date.parse(one.value) === picked;
  tell(`${document.querySelector('#weeks b').textContent}: ${slots.length || 'no'} free ${slots.length === 1 ? 'time' : 'times'}`, 'unseen');
}

async function turn(to) {
  const place = document.getElementById('when'), mine = new AbortController();
  latest?.abort();
  latest = mine;
  place.classList.add('busy');
  const timer = setTimeout(() => mine.abort(), 20000);
  try {
    const reply = await fetch(to, { headers: { Accept: 'text/html' }, signal: mine.signal });
    const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
    if (latest !== mine) return false;
    if (!reply.ok || !fresh.getElementById('slots')) throw new Error();
    show(fresh);
    history.replaceState(null, '', to);
    return true;
  } catch {
    if (latest !== mine) return false;
    zoneForm.elements.tz.value = shownZone;
    tell('Those times could not be loaded. Try again in a moment.', 'notice');
    return false;
  } finally {
    clearTimeout(timer);
    if (latest === mine) place.classList.remove('busy');
  }
}

if (zoneForm) {
  const choice = zoneForm.elements.tz;
  if (zoneForm.dataset.chosen === '0' && zone) {
    if (![...choice.options].some((one) => one.value === zone)) choice.add(new Option(zone, zone), 0);
    if (choice.value !== zone) {
      choice.value = zone;
      turn(address(zoneForm));
    }
  }
  // Arrow keys go through many zones on their way to one.
  let soon;
  choice.addEventListener('change', () => {
    const to = address(zoneForm);
    clearTimeout(soon);
    document.getElementById('when').classList.add('busy');
    soon = setTimeout(() => turn(to), 400);
  });
  document.getElementById('when').addEventListener('click', async (event) => {
    const link = event.target.closest('#weeks a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const rel = link.rel;
    if (await turn(link.href)) (document.querySelector(`#weeks a[rel=${rel}]`) || document.querySelector('#weeks a'))?.focus();
  });
}

// A business is most often where its owner is.
for (const choice of document.querySelectorAll('select[name=timezone]')) {
  if (choice.value || !zone) continue;
  if (![...choice.options].some((one) => one.value === zone)) choice.add(new Option(zone, zone), 1);
  choice.value = zone;
}

// The same moment here, where a page shows it in the business's zone.
for (const span of document.querySelectorAll('dl.card .span')) {
  const [first] = span.querySelectorAll('time');
  const moment = new Date(first.dateTime);
  const shown = first.textContent, here = moment.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone });
  if (!shown.includes(here)) {
    const line = document.createElement('span');
    line.className = 'here';
    line.textContent = `${moment.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', timeZone: zone })}, ${here} where you are (${zone})`;
    span.parentElement.append(line);
  }
}

// One press is enough.
for (const form of document.querySelectorAll('form.once')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
    form.setAttribute('aria-busy', 'true');
  });
}
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form.once')) {
    delete form.dataset.sent;
    form.removeAttribute('aria-busy');
  }
});
document.getElementById('trouble')?.focus();
