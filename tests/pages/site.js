// The Cloister under test and its stand-ins.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { randomBytes } from 'node:crypto';

export const site = JSON.parse(readFileSync(process.env.CLOISTER_PAGES, 'utf8'));

export async function admin(method, path, body) {
  const reply = await fetch(site.admin + path, { method, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  if (!reply.ok) throw new Error(`admin ${method} ${path}: ${reply.status} ${await reply.text()}`);
  const text = await reply.text();
  return text ? JSON.parse(text) : null;
}

// An account at the stand-in Google that nobody else has.
export async function newAccount(events = []) {
  const name = `p${randomBytes(5).toString('hex')}`;
  await admin('POST', '/accounts', { name, timezone: 'Europe/Berlin', events });
  return name;
}

export async function eventsOf(account) {
  const got = await admin('GET', `/accounts/${account}/events`);
  return (got.events || got).filter((one) => one.status !== 'cancelled');
}

export const sql = (text) => execFileSync(site.psql[0], [...site.psql.slice(1), text], { encoding: 'utf8' }).trim();

// The pid of one of Cloister's programs; of the gateways it is the owners'.
export function pidOf(program) {
  for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const others = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('public');
      if (parent === site.launcher && !others && readlinkSync(`/proc/${pid}/exe`).endsWith(`/${program}`)) return Number(pid);
    } catch { /* it has just ended */ }
  }
  throw new Error(`${program} does not run`);
}

// Polls until `check` gives something true.
export async function until(check, what, ms = 15000) {
  for (const end = Date.now() + ms; ;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
