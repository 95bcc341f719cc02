// A calendar of its own for the tool loops: two tools, as a product might offer them.
const time = { type: 'string', description: 'RFC 3339' };
export const tools = [
  { name: 'look_if_free', description: 'Tells when the owner is free or busy.', schema: { type: 'object', properties: { from: time, to: time }, required: ['from', 'to'] } },
  { name: 'book', description: 'Creates a new event.', schema: { type: 'object', properties: { summary: { type: 'string' }, start_time: time, end_time: time }, required: ['summary'] } },
];
export const system = 'You are a calendar assistant. It is now 2026-11-22T14:00:00+01:00 (Europe/Berlin).';
export const question = 'Am I free tomorrow at three? Put lunch with Sam there.';
export function runTool(name, input, done) {
  done.push({ name, input });
  return JSON.stringify(name === 'book' ? { id: 'ev3nt00' } : { busy: [] });
}
export function checkDone(assert, done, text) {
  assert.deepEqual(done, [
    { name: 'look_if_free', input: { from: '2026-11-23T15:00:00+01:00', to: '2026-11-23T16:00:00+01:00' } },
    { name: 'book', input: { summary: 'lunch with Sam', start_time: '2026-11-23T15:00:00+01:00', end_time: '2026-11-23T16:00:00+01:00' } },
  ]);
  assert.match(text, /free on Monday 23 November 2026 from 15:00 to 16:00/);
  assert.match(text, /lunch with Sam/);
}
