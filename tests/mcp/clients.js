// The official TypeScript clients against the public gateway of a whole Cloister: each as its makers meant it, output
// schemas checked by the client itself. CLOISTER_PUBLIC is the gateway's address, CLOISTER_BUSINESS a business's slug;
// CLOISTER_TAKE 0 to 2 says which of the free times this run may take.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const url = new URL('/mcp', process.env.CLOISTER_PUBLIC);
const business = process.env.CLOISTER_BUSINESS;
const info = { name: 'cloister-tests', version: '1.0.0' };

const ways = [
  { name: 'sdk 1.x, with a handshake', version: '2025-11-25', take: 0,
    client: () => new OldClient(info), transport: () => new OldTransport(url) },
  { name: 'client 2.x, 2026-07-28 alone', version: '2026-07-28', take: 4,
    client: () => new NewClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), transport: () => new NewTransport(url) },
  { name: 'client 2.x, whichever it finds', version: '2026-07-28', take: 8,
    client: () => new NewClient(info, { versionNegotiation: { mode: 'auto' } }), transport: () => new NewTransport(url) },
  { name: 'client 2.x, with a handshake', version: '2025-11-25', take: 12,
    client: () => new NewClient(info, { versionNegotiation: { mode: 'legacy' } }), transport: () => new NewTransport(url) },
];

// What a tool gave, once it is the same as text and as structure.
async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, `${name}: ${JSON.stringify(result.content)}`);
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  return result.structuredContent;
}

async function refused(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError, true, `${name} should have been refused`);
  assert.equal(result.structuredContent, undefined);
  assert.ok(result.content[0].text.length > 10);
  return { words: result.content[0].text, facts: JSON.parse(result.content[1].text) };
}

for (const way of ways) {
  test(way.name, async (t) => {
    const client = way.client();
    await client.connect(way.transport());
    t.after(() => client.close());

    await t.test('speaks the revision that was agreed on', () => {
      const spoken = client.getNegotiatedProtocolVersion?.() ?? client.transport?.protocolVersion;
      if (spoken !== undefined) assert.equal(spoken, way.version);
      assert.match(client.getInstructions() ?? '', /create_booking/);
    });

    await t.test('lists tools with everything assistants ask for', async () => {
      const { tools } = await client.listTools();
      const names = tools.map((tool) => tool.name);
      for (const name of ['search_businesses', 'get_business', 'check_availability', 'create_booking', 'get_booking',
        'reschedule_booking', 'cancel_booking', 'send_inquiry', 'ask_businesses', 'search', 'fetch'])
        assert.ok(names.includes(name), name);
      for (const tool of tools) {
        assert.ok(tool.title && tool.description && tool.outputSchema, tool.name);
        for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'])
          assert.equal(typeof tool.annotations[hint], 'boolean', `${tool.name} ${hint}`);
      }
      assert.deepEqual(tools, (await client.listTools()).tools);
    });

    await t.test('searches, looks, books, looks again, moves and cancels', async () => {
      const found = await call(client, 'search_businesses', { query: 'salon', place: 'Zurich' });
      assert.equal(found.businesses[0].slug, business);
      assert.ok(found.businesses[0].why.length > 0);
      const profile = await call(client, 'get_business', { business });
      const service = profile.services[0].id;
      const { slots } = await call(client, 'check_availability', { business, service, limit: 40 });
      const wanted = { business, service, start: slots[way.take].start, customer: { name: 'Ada', email: 'ada@example.com' } };
      const key = `client-${way.take}`;
      const booked = await call(client, 'create_booking', { ...wanted, idempotency_key: key });
      assert.equal(booked.status, 'confirmed');
      const again = await call(client, 'create_booking', { ...wanted, idempotency_key: key });
      assert.equal(again.reference, booked.reference);

      const taken = await refused(client, 'create_booking', { ...wanted, customer: { name: 'Bob', phone: '+41 44 555 0199' } });
      assert.equal(taken.facts.code, 'slot_taken');
      assert.ok(taken.facts.next_slots.length > 0);
      assert.ok(taken.words.includes(taken.facts.next_slots[0].start));

      const shown = { reference: booked.reference, secret: booked.secret };
      assert.equal((await call(client, 'get_booking', shown)).start, booked.start);
      const moved = await call(client, 'reschedule_booking', { ...shown, start: taken.facts.next_slots[0].start });
      assert.notEqual(moved.start, booked.start);
      assert.equal((await call(client, 'cancel_booking', shown)).status, 'cancelled');
      assert.equal((await call(client, 'get_booking', shown)).status, 'cancelled');
      assert.equal((await refused(client, 'get_booking', { ...shown, secret: 'not-the-secret' })).facts.code, 'unknown_booking');
    });

    await t.test('is told which argument does not fit', async () => {
      const late = await refused(client, 'check_availability', { business, service: 'cut', from: 'tomorrow' });
      assert.equal(late.facts.code, 'invalid_argument');
      assert.match(late.words, /^from: /);
      assert.equal((await refused(client, 'get_business', { business: 'nobody-here' })).facts.code, 'unknown_business');
    });

    await t.test('searches and fetches as research does', async () => {
      const { results } = await call(client, 'search', { query: 'salon' });
      const page = await call(client, 'fetch', { id: results[0].id });
      assert.ok(page.text.length > 50 && page.url.length > 0);
    });

    await t.test('reads profiles as resources', async () => {
      const { resources } = await client.listResources();
      const uri = resources.find((one) => one.uri.endsWith(business)).uri;
      const { contents } = await client.readResource({ uri });
      assert.equal(JSON.parse(contents[0].text).slug ?? business, business);
      assert.ok((await client.listResourceTemplates()).resourceTemplates.length > 0);
      await assert.rejects(client.readResource({ uri: 'business://nobody-here' }), /not found/i);
    });

    await t.test('takes prompts and their completions', async () => {
      const { prompts } = await client.listPrompts();
      assert.ok(prompts.length >= 3);
      const { messages } = await client.getPrompt({ name: 'find_and_book', arguments: { what: 'a haircut', place: 'Zurich' } });
      assert.match(messages[0].content.text, /a haircut/);
      const { completion } = await client.complete({ ref: { type: 'ref/resource', uri: 'business://{slug}' }, argument: { name: 'slug', value: business.slice(0, 3) } });
      assert.ok(completion.values.includes(business));
      await assert.rejects(client.getPrompt({ name: 'no_such_prompt' }));
    });
  });
}
