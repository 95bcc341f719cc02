// What tests/bench measures Cloister beside: the same search over the same directory, held in memory, served by the
// official TypeScript SDK. Usage: rival.js session|stateless PORT DIRECTORY.json
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const [mode, port, file] = process.argv.slice(2);
const directory = JSON.parse(readFileSync(file, 'utf8')).map(({ slug, profile }) => ({
  slug, profile,
  words: new Set(`${profile.name} ${profile.category} ${profile.summary} ${profile.description} ${profile.address.city} ${profile.services.map((s) => s.name).join(' ')}`
    .toLowerCase().split(/[^\p{L}\d]+/u)),
}));

const radians = (degrees) => degrees * Math.PI / 180;
function kilometres(a, b) {
  const u = Math.sin(radians(b.latitude - a.latitude) / 2), v = Math.sin(radians(b.longitude - a.longitude) / 2);
  return 12742 * Math.asin(Math.sqrt(u * u + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * v * v));
}

function search({ query, place, latitude, longitude, limit = 10 }) {
  const asked = (query ?? '').toLowerCase().split(/[^\p{L}\d]+/u).filter(Boolean);
  const hits = [];
  for (const { slug, profile, words } of directory) {
    if (place && profile.address.city.toLowerCase() !== place.toLowerCase()) continue;
    const matched = asked.filter((word) => words.has(word));
    if (asked.length > 0 && matched.length === 0) continue;
    const distance = latitude === undefined ? undefined : kilometres({ latitude, longitude }, profile.location);
    hits.push({ slug, profile, matched, distance, score: matched.length - (distance ?? 0) / 1000 });
  }
  hits.sort((a, b) => b.score - a.score);
  return { businesses: hits.slice(0, limit).map(({ slug, profile, matched, distance }) => ({
    slug, name: profile.name, category: profile.category, summary: profile.summary, city: profile.address.city, country: profile.address.country,
    ...(distance === undefined ? {} : { distance_km: Math.round(distance * 10) / 10 }), languages: profile.languages,
    services: profile.services.map(({ id, name, duration_minutes, price }) => ({ id, name, duration_minutes, price })),
    features: profile.features, url: `http://127.0.0.1/b/${slug}`,
    why: matched.map((word) => `Its profile has "${word}".`), not_stated: asked.filter((word) => !matched.includes(word)) })) };
}

function server() {
  const made = new McpServer({ name: 'rival', version: '1.0.0' });
  made.registerTool('search_businesses', {
    title: 'Search businesses', description: 'Find businesses.',
    inputSchema: { query: z.string().optional(), place: z.string().optional(), latitude: z.number().optional(), longitude: z.number().optional(), limit: z.number().int().optional() },
    outputSchema: { businesses: z.array(z.object({ slug: z.string(), name: z.string() }).passthrough()) },
    annotations: { readOnlyHint: true, destructiveHint: false, openWorldHint: false },
  }, async (args) => {
    const result = search(args);
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
  });
  return made;
}

const sessions = new Map();
async function transport(request, message) {
  if (mode === 'stateless') { // the SDK's own example: a server and a transport for each request
    const made = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    await server().connect(made);
    return made;
  }
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined || message.method !== 'initialize') return known;
  const made = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, enableJsonResponse: true, onsessioninitialized: (id) => sessions.set(id, made) });
  await server().connect(made);
  return made;
}

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    const way = await transport(request, message);
    if (way === undefined) { response.writeHead(404).end(); return; }
    await way.handleRequest(request, response, message);
    if (mode === 'stateless') response.on('close', () => way.close());
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
