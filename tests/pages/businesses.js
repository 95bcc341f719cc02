// Businesses for the tests: somebody who has one, and what customers do with it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open } from './browser.js';
import { newAccount, site } from './site.js';
import { connect, signIn } from './steps.js';

// An owner whose calendar is connected, signed in.
export async function owner(browser, size = 'desktop', more = {}) {
  const account = await newAccount();
  const who = await open(browser, size, more);
  await signIn(who.page, account);
  await connect(who.page, account);
  return { ...who, account };
}

// The API as the one who is signed in on this page.
export function api({ page }, method, path, body) {
  return page.evaluate(async ([verb, to, what]) => {
    const csrf = (await (await fetch('/v1/session')).json()).csrf;
    const reply = await fetch(to, { method: verb, headers: { 'Cloister-CSRF': csrf, 'Content-Type': 'application/json' },
      body: what === undefined ? undefined : JSON.stringify(what) });
    return { status: reply.status, body: await reply.json().catch(() => null) };
  }, [method, path, body]);
}

const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
export const profileOf = (more = {}) => ({
  name: 'Salon Linde', category: 'hairdresser', summary: 'Haircuts and colour beside the canal.',
  description: 'We cut, colour and listen.\n\nWalk-ins are welcome on quiet mornings.',
  address: { street: 'Paul-Lincke-Ufer 12', postal_code: '10999', city: 'Berlin', country: 'DE' }, location: { latitude: 52.49, longitude: 13.43 },
  services: [
    { id: 'cut', name: 'Cut', description: 'Wash, cut and dry.', duration_minutes: 60, step_minutes: 60, price: { min: 28, max: 42.5, currency: 'EUR' }, horizon_days: 365, mode: 'at_business' },
    { id: 'home', name: 'Cut at your place', duration_minutes: 90, mode: 'at_customer', step_minutes: 60 },
  ],
  hours: { timezone: 'Europe/Berlin', weekly: [{ days: WEEK, opens: '09:00', closes: '17:00' }] },
  languages: ['de', 'en'], contacts: { phone: '+49 30 1234567', email: 'hello@salon.example', website: 'https://salon.example/' },
  attributes: { wheelchair_access: true, parking: 'in the yard' }, features: { booking: true, inquiries: true, chat: true }, ...more });

// A published business of this owner; its slug.
export async function publish(who, more) {
  const slug = `salon-${randomBytes(5).toString('hex')}`;
  const made = await api(who, 'PUT', `/v1/businesses/${slug}`, { profile: profileOf(more), publish: true });
  assert.equal(made.status, 200, JSON.stringify(made));
  return slug;
}

// Somebody new each time: who books often is slowed down.
export const mail = () => `${randomBytes(6).toString('hex')}@customers.example`;

// A customer: somebody's browser that nobody has signed in.
export async function customer(browser, size, more) {
  const who = await open(browser, size, more);
  return who;
}

export const at = (path) => site.public + path;

// The page of a business with the first free time of its service picked; what its label says.
export async function pick({ page }, index = 0) {
  const slot = page.locator('#slots .slot').nth(index);
  await slot.waitFor();
  const label = (await slot.innerText()).replace(/\s+/g, ' ').trim();
  await slot.locator('input').check({ force: true });
  return label;
}

export async function details({ page }, name = 'Sam Smith') {
  await page.locator('#book').getByLabel('Your name').fill(name);
  await page.locator('#book').getByLabel('E-mail').fill(mail());
}

export async function book(who, slug, { index = 0, service = 'cut', name } = {}) {
  await who.page.goto(at(`/b/${slug}?service=${service}`));
  const label = await pick(who, index);
  await details(who, name);
  await who.page.getByRole('button', { name: 'Book this time' }).click();
  await confirmed(who);
  return label;
}

export const confirmed = ({ page }) => page.getByRole('heading', { name: 'Your booking is confirmed' }).waitFor({ timeout: 30000 });
export const reference = async ({ page }) => (await page.locator('dl.card code').innerText()).trim();
