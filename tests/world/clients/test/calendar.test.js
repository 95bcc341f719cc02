import { test } from 'node:test';
import assert from 'node:assert/strict';
import { admin, connect, EVENTS, FREEBUSY, LISTING, newName, READONLY, refused } from './world.js';

const timed = (day, from, to, rest = {}) => ({
  summary: 'x', start: { dateTime: `${day}T${from}:00`, timeZone: 'Europe/Berlin' },
  end: { dateTime: `${day}T${to}:00`, timeZone: 'Europe/Berlin' }, ...rest });
const reason = (error) => [error.response?.status, error.response?.data?.error?.errors?.[0]?.reason];
const calendarId = 'primary';

test('insert, get, patch, update, delete', async () => {
  const { calendar, name } = await connect();
  const { data: made } = await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00', { summary: 'Lunch with Sam' }) });
  assert.equal(made.start.dateTime, '2026-12-01T10:00:00+01:00');
  assert.equal(made.status, 'confirmed');
  assert.equal(made.organizer.email, `${name}@example.test`);
  const { data: got } = await calendar.events.get({ calendarId, eventId: made.id });
  assert.equal(got.etag, made.etag);
  const { data: patched } = await calendar.events.patch({ calendarId, eventId: made.id, requestBody: { location: 'Café' } });
  assert.equal(patched.summary, 'Lunch with Sam');
  assert.notEqual(patched.etag, made.etag);
  const { data: gone } = await calendar.events.patch({ calendarId, eventId: made.id, requestBody: { location: null } });
  assert.equal(gone.location, undefined);
  const { data: put } = await calendar.events.update({ calendarId, eventId: made.id, requestBody: timed('2026-12-02', '10:00', '11:00', { summary: 'Other' }) });
  assert.equal(put.summary, 'Other');
  assert.equal(put.iCalUID, made.iCalUID);
  assert.equal((await calendar.events.delete({ calendarId, eventId: made.id })).status, 204);
  assert.deepEqual(reason(await refused(calendar.events.delete({ calendarId, eventId: made.id }))), [410, 'deleted']);
  assert.equal((await calendar.events.get({ calendarId, eventId: made.id })).data.status, 'cancelled');
  assert.deepEqual(reason(await refused(calendar.events.get({ calendarId, eventId: 'nosuchevent0' }))), [404, 'notFound']);
});

test('client ids: duplicates and ids of deleted events are 409; reviving works', async () => {
  const { calendar } = await connect();
  const requestBody = timed('2026-12-01', '10:00', '11:00', { id: 'abcdef0123456789' });
  await calendar.events.insert({ calendarId, requestBody });
  assert.deepEqual(reason(await refused(calendar.events.insert({ calendarId, requestBody }))), [409, 'duplicate']);
  await calendar.events.delete({ calendarId, eventId: requestBody.id });
  assert.deepEqual(reason(await refused(calendar.events.insert({ calendarId, requestBody }))), [409, 'duplicate']);
  const { data } = await calendar.events.patch({ calendarId, eventId: requestBody.id, requestBody: { status: 'confirmed' } });
  assert.equal(data.status, 'confirmed');
  for (const id of ['abc', 'ABCDEF', 'xyz-12345', 'wwwww'])
    assert.deepEqual(reason(await refused(calendar.events.insert({ calendarId, requestBody: { ...requestBody, id } }))), [400, 'invalid']);
});

test('etags: 412 on If-Match, 304 on If-None-Match', async () => {
  const { calendar } = await connect();
  const { data } = await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00') });
  const args = { calendarId, eventId: data.id };
  await calendar.events.patch({ ...args, requestBody: { summary: 'y' } }, { headers: { 'If-Match': data.etag } });
  assert.deepEqual(reason(await refused(calendar.events.patch({ ...args, requestBody: { summary: 'z' } }, { headers: { 'If-Match': data.etag } }))), [412, 'conditionNotMet']);
  assert.deepEqual(reason(await refused(calendar.events.delete(args, { headers: { 'If-Match': data.etag } }))), [412, 'conditionNotMet']);
  const { data: now } = await calendar.events.get(args);
  const same = await calendar.events.get(args, { headers: { 'If-None-Match': now.etag }, validateStatus: () => true });
  assert.equal(same.status, 304);
});

test('times that Google refuses', async () => {
  const { calendar } = await connect();
  const insert = (requestBody) => refused(calendar.events.insert({ calendarId, requestBody })).then(reason);
  const at = (dateTime, timeZone) => ({ dateTime, timeZone });
  assert.deepEqual(await insert({ start: at('2026-12-01T11:00:00Z'), end: at('2026-12-01T10:00:00Z') }), [400, 'timeRangeEmpty']);
  assert.deepEqual(await insert({ start: at('2026-12-01T10:00:00'), end: at('2026-12-01T11:00:00') }), [400, 'required']);
  assert.deepEqual(await insert({ start: at('2026-12-01T10:00:00Z') }), [400, 'required']);
  assert.deepEqual(await insert({ start: { date: '2026-12-01' }, end: at('2026-12-02T10:00:00Z') }), [400, 'invalid']);
  assert.deepEqual(await insert({ start: { date: '2026-12-01' }, end: { date: '2026-12-01' } }), [400, 'timeRangeEmpty']);
  assert.deepEqual(await insert({ start: at('2026-12-01T10:00:00', 'Mars/Base'), end: at('2026-12-01T11:00:00', 'Mars/Base') }), [400, 'invalid']);
  assert.deepEqual(await insert({ start: at('2026-12-01T10:00:00Z'), end: at('2026-12-01T11:00:00Z'), recurrence: ['RRULE:FREQ=DAILY'] }), [400, 'required']);
  assert.deepEqual(reason(await refused(calendar.events.list({ calendarId, timeMin: '2026-12-01T10:00:00' }))), [400, 'badRequest']);
  assert.deepEqual(reason(await refused(calendar.events.list({ calendarId, timeMin: '2026-12-02T00:00:00Z', timeMax: '2026-12-01T00:00:00Z' }))), [400, 'timeRangeEmpty']);
  assert.deepEqual(reason(await refused(calendar.events.list({ calendarId, orderBy: 'startTime' }))), [400, 'badRequest']);
});

test('listing: bounds, order, words, private properties, paging', async () => {
  const { calendar } = await connect();
  for (let hour = 17; hour >= 8; hour--)
    await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', `${String(hour).padStart(2, '0')}:00`, `${hour + 1}:00`.padStart(5, '0'),
      { summary: `Meeting ${hour}`, extendedProperties: { private: { app: 'a', odd: String(hour % 2) } } }) });
  const list = async (args) => (await calendar.events.list({ calendarId, singleEvents: true, orderBy: 'startTime', ...args })).data;
  const some = await list({ timeMin: '2026-12-01T09:00:00+01:00', timeMax: '2026-12-01T11:00:00+01:00' });
  assert.deepEqual(some.items.map((e) => e.summary), ['Meeting 9', 'Meeting 10']);
  assert.deepEqual((await list({ q: 'meeting 12' })).items.map((e) => e.summary), ['Meeting 12']);
  assert.equal((await list({ privateExtendedProperty: ['app=a', 'odd=1'] })).items.length, 5);
  const seen = [];
  let pageToken;
  do {
    const page = await list({ maxResults: 3, pageToken });
    assert.ok(page.items.length <= 3);
    assert.equal(!!page.nextSyncToken, !page.nextPageToken);
    seen.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken);
  assert.deepEqual(seen.map((e) => e.summary), [8, 9, 10, 11, 12, 13, 14, 15, 16, 17].map((h) => `Meeting ${h}`));
  const told = await list({ timeZone: 'Asia/Tokyo', maxResults: 1, fields: 'items(summary,start/dateTime)' });
  assert.deepEqual(told, { items: [{ summary: 'Meeting 8', start: { dateTime: '2026-12-01T16:00:00+09:00' } }] });
});

test('sync tokens', async () => {
  const { calendar, name } = await connect();
  const { data: a } = await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00') });
  const { data: first } = await calendar.events.list({ calendarId });
  const syncToken = first.nextSyncToken;
  assert.equal((await calendar.events.list({ calendarId, syncToken })).data.items.length, 0);
  await calendar.events.delete({ calendarId, eventId: a.id });
  const { data: changes } = await calendar.events.list({ calendarId, syncToken });
  assert.deepEqual(changes.items.map((e) => e.status), ['cancelled']);
  assert.deepEqual(reason(await refused(calendar.events.list({ calendarId, syncToken, q: 'x' }))), [400, 'badRequest']);
  await admin('POST', `/accounts/${name}/sync`);
  assert.deepEqual(reason(await refused(calendar.events.list({ calendarId, syncToken }))), [410, 'fullSyncRequired']);
});

test('recurring events over the clock change, and their exceptions', async () => {
  const { calendar } = await connect();
  const { data: series } = await calendar.events.insert({ calendarId, requestBody: timed('2026-10-19', '09:00', '10:00',
    { recurrence: ['RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4'] }) });
  const starts = async () => (await calendar.events.list({ calendarId, singleEvents: true, orderBy: 'startTime' })).data.items.map((e) => e.start.dateTime);
  assert.deepEqual(await starts(), ['2026-10-19T09:00:00+02:00', '2026-10-26T09:00:00+01:00', '2026-11-02T09:00:00+01:00', '2026-11-09T09:00:00+01:00']);
  const { data: instances } = await calendar.events.instances({ calendarId, eventId: series.id });
  assert.equal(instances.items.length, 4);
  const [, second, third] = instances.items;
  assert.equal(second.id, `${series.id}_20261026T080000Z`);
  await calendar.events.patch({ calendarId, eventId: second.id, requestBody: timed('2026-10-27', '12:00', '13:00', { summary: 'moved' }) });
  await calendar.events.delete({ calendarId, eventId: third.id });
  assert.deepEqual(await starts(), ['2026-10-19T09:00:00+02:00', '2026-10-27T12:00:00+01:00', '2026-11-09T09:00:00+01:00']);
  const { data: raw } = await calendar.events.list({ calendarId });
  assert.deepEqual(raw.items.map((e) => e.status).sort(), ['cancelled', 'confirmed', 'confirmed']);
  await calendar.events.delete({ calendarId, eventId: series.id });
  assert.deepEqual(await starts(), []);
});

test('all-day events: exclusive end, switching to timed', async () => {
  const { calendar } = await connect();
  const { data } = await calendar.events.insert({ calendarId, requestBody: { summary: 'day', start: { date: '2026-12-01' }, end: { date: '2026-12-02' } } });
  const on = async (timeMin, timeMax) => (await calendar.events.list({ calendarId, timeMin, timeMax, singleEvents: true })).data.items.length;
  assert.equal(await on('2026-12-01T23:00:00+01:00', '2026-12-01T23:30:00+01:00'), 1);
  assert.equal(await on('2026-12-02T00:00:00+01:00', '2026-12-02T23:30:00+01:00'), 0);
  const half = { start: { dateTime: '2026-12-01T10:00:00+01:00' }, end: { dateTime: '2026-12-01T11:00:00+01:00' } };
  assert.deepEqual(reason(await refused(calendar.events.patch({ calendarId, eventId: data.id, requestBody: half }))), [400, 'invalid']);
  half.start.date = half.end.date = null;
  const { data: now } = await calendar.events.patch({ calendarId, eventId: data.id, requestBody: half });
  assert.equal(now.start.date, undefined);
});

test('private properties merge, null deletes one', async () => {
  const { calendar } = await connect();
  const { data } = await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00', { extendedProperties: { private: { a: '1', b: '2' } } }) });
  const { data: now } = await calendar.events.patch({ calendarId, eventId: data.id, requestBody: { extendedProperties: { private: { a: null, c: '3' } } } });
  assert.deepEqual(now.extendedProperties.private, { b: '2', c: '3' });
});

test('free and busy', async () => {
  const { calendar } = await connect();
  await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00') });
  await calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '12:00', '13:00', { transparency: 'transparent' }) });
  const ask = { timeMin: '2026-12-01T00:00:00Z', timeMax: '2026-12-02T00:00:00Z', timeZone: 'Europe/Berlin', items: [{ id: 'primary' }, { id: 'stranger@example.test' }] };
  const { data } = await calendar.freebusy.query({ requestBody: ask });
  assert.deepEqual(data.calendars.primary.busy, [{ start: '2026-12-01T10:00:00+01:00', end: '2026-12-01T11:00:00+01:00' }]);
  assert.equal(data.calendars['stranger@example.test'].errors[0].reason, 'notFound');
  assert.deepEqual(reason(await refused(calendar.freebusy.query({ requestBody: { ...ask, timeMax: '2027-06-01T00:00:00Z' } }))), [400, 'timeRangeTooLong']);
});

test('scopes: each method only with a scope that allows it', async () => {
  const events = await connect(newName(), ['openid', EVENTS]);
  const busy = await connect(newName(), ['openid', FREEBUSY]);
  const reader = await connect(newName(), ['openid', READONLY]);
  const ask = { timeMin: '2026-12-01T00:00:00Z', timeMax: '2026-12-02T00:00:00Z', items: [{ id: 'primary' }] };
  const no = [403, 'insufficientPermissions'];
  assert.deepEqual(reason(await refused(events.calendar.freebusy.query({ requestBody: ask }))), no);
  assert.deepEqual(reason(await refused(events.calendar.calendarList.list())), no);
  assert.deepEqual(reason(await refused(events.calendar.settings.get({ setting: 'timezone' }))), no);
  assert.deepEqual(reason(await refused(busy.calendar.events.list({ calendarId }))), no);
  assert.equal((await busy.calendar.freebusy.query({ requestBody: ask })).status, 200);
  assert.deepEqual(reason(await refused(reader.calendar.events.insert({ calendarId, requestBody: timed('2026-12-01', '10:00', '11:00') }))), no);
  assert.equal((await reader.calendar.calendarList.list()).data.items[0].primary, true);
  assert.equal((await reader.calendar.calendars.get({ calendarId })).data.timeZone, 'Europe/Berlin');
  assert.equal((await reader.calendar.settings.get({ setting: 'timezone' })).data.value, 'Europe/Berlin');
  events.client.setCredentials({ access_token: 'ya29.nobody' });
  assert.deepEqual(reason(await refused(events.calendar.events.list({ calendarId }))), [401, 'authError']);
});

test('another organizer\'s event cannot be changed', async () => {
  const { calendar, name } = await connect();
  const { events: [eventId] } = await admin('POST', '/accounts', { name, events: [{ ...timed('2026-12-01', '10:00', '11:00'), organizer: { email: 'boss@example.test' } }] });
  assert.deepEqual(reason(await refused(calendar.events.patch({ calendarId, eventId, requestBody: { summary: 'mine' } }))), [403, 'forbiddenForNonOrganizer']);
  assert.equal((await calendar.events.patch({ calendarId, eventId, requestBody: { extendedProperties: { private: { a: '1' } } } })).status, 200);
});

test('faults: rate limits, lost answers, resets, truncation, garbage', async () => {
  const { calendar, name } = await connect();
  const match = { service: 'calendar', account: name };
  await admin('POST', '/faults', { match, kind: 'status', status: 429, retry_after: 2, reason: 'rateLimitExceeded' });
  const limited = await refused(calendar.events.list({ calendarId }));
  assert.deepEqual(reason(limited), [429, 'rateLimitExceeded']);
  assert.equal(new Headers(limited.response.headers).get('retry-after'), '2');
  assert.equal((await calendar.events.list({ calendarId })).status, 200);
  await admin('POST', '/faults', { match, kind: 'lost_answer' });
  const requestBody = timed('2026-12-01', '10:00', '11:00', { id: 'lostans00' });
  assert.equal((await refused(calendar.events.insert({ calendarId, requestBody }))).response, undefined);
  assert.deepEqual(reason(await refused(calendar.events.insert({ calendarId, requestBody }))), [409, 'duplicate']);
  for (const kind of ['reset', 'truncate']) {
    await admin('POST', '/faults', { match, kind });
    await refused(calendar.events.list({ calendarId }));
  }
  await admin('POST', '/faults', { match, kind: 'status', status: 503, after: 1, times: 2 });
  assert.equal((await calendar.events.list({ calendarId })).status, 200);
  assert.equal((await refused(calendar.events.list({ calendarId }))).response.status, 503);
  assert.equal((await refused(calendar.events.list({ calendarId }))).response.status, 503);
  assert.equal((await calendar.events.list({ calendarId })).status, 200);
  await admin('POST', '/faults', { match, kind: 'slow', ms: 1, bytes: 64 });
  assert.equal((await calendar.events.list({ calendarId })).data.items.length, 1);
  assert.deepEqual((await admin('GET', '/faults')).faults, []);
});

test('secondary calendars: in the list for whom a scope allows it, each with its role', async () => {
  const owner = await connect(newName(), ['openid', 'email', EVENTS, FREEBUSY, LISTING]);
  const family = `family-${owner.name}@group.calendar.example.test`, team = `team-${owner.name}@group.calendar.example.test`;
  const add = (body) => admin('POST', `/accounts/${owner.name}/calendars`, body);
  await add({ id: family, summary: 'Family', events: [timed('2026-12-01', '10:00', '11:00')] });
  await add({ id: team, summary: 'Team', accessRole: 'freeBusyReader', selected: false, events: [timed('2026-12-01', '12:00', '13:00')] });
  const { data } = await owner.calendar.calendarList.list();
  assert.deepEqual(data.items.map((c) => [c.accessRole, c.primary, c.selected]),
    [['owner', true, true], ['owner', undefined, true], ['freeBusyReader', undefined, undefined]]);
  const ask = { timeMin: '2026-12-01T00:00:00Z', timeMax: '2026-12-02T00:00:00Z', items: [{ id: 'primary' }, { id: family }, { id: team }] };
  const { data: busy } = await owner.calendar.freebusy.query({ requestBody: ask });
  assert.deepEqual(Object.values(busy.calendars).map((c) => c.busy.length), [0, 1, 1]);
  const { data: made } = await owner.calendar.events.insert({ calendarId: family, requestBody: timed('2026-12-02', '10:00', '11:00') });
  assert.equal((await owner.calendar.events.get({ calendarId: family, eventId: made.id })).data.summary, 'x');
  assert.deepEqual(reason(await refused(owner.calendar.events.get({ calendarId, eventId: made.id }))), [404, 'notFound']);
  assert.equal((await owner.calendar.events.list({ calendarId: team })).data.items[0].summary, undefined);
  assert.deepEqual(reason(await refused(owner.calendar.events.insert({ calendarId: team, requestBody: timed('2026-12-02', '10:00', '11:00') }))), [403, 'requiredAccessLevel']);
});
