// A customer's assistant in little: the official MCP client, asking the public gateway for what a person typed.
// CLOISTER_PUBLIC is the gateway's address; see customer for the commands.
import { randomUUID } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const client = new Client({ name: 'cloister-demo-customer', version: '1.0.0' });

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) {
    console.error(result.content[0].text);
    process.exit(1);
  }
  return result.structuredContent;
}

const commands = {
  async search(query) {
    const found = await call('search_businesses', { query, limit: 5 });
    for (const one of found.businesses) {
      console.log(`${one.slug}\n    ${one.name}, ${one.city}: ${one.summary}`);
      console.log(`    ${one.why.join(' ')}`);
      for (const service of one.services)
        console.log(`    - ${service.id}: ${service.name}, ${service.duration_minutes} minutes`);
    }
  },
  // Without a time: the first that is free.
  async book(business, service, start) {
    const free = await call('check_availability', { business, service, limit: 3 });
    const at = start ?? free.slots[0]?.start;
    if (at === undefined) {
      console.error('nothing is free within the next days');
      process.exit(1);
    }
    const booked = await call('create_booking', {
      business, service, start: at, idempotency_key: randomUUID(),
      customer: { name: 'Ada Example', email: 'ada@customer.example' },
    });
    console.log(`${booked.status}: ${booked.service.name ?? booked.service}, ${booked.start}`);
    console.log(`reference ${booked.reference}\n${booked.manage_url}`);
  },
};

const [command, ...words] = process.argv.slice(2);
await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', process.env.CLOISTER_PUBLIC)));
await commands[command](...words);
await client.close();
