import { test } from 'node:test';
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { admin, env, modelKey, refused } from './world.js';
import { checkDone, question, runTool, system, tools } from './tools.js';

const client = new Anthropic({ apiKey: modelKey, authToken: null, baseURL: env.MODEL_URL, maxRetries: 0 });
const model = 'claude-sonnet-5-5';
const hello = [{ role: 'user', content: 'Hello!' }];
const anthropicTools = tools.map(({ schema, ...tool }) => ({ ...tool, input_schema: schema }));
const version = (v) => ({ headers: { 'anthropic-version': v } });

test('an answer at once and as a stream', async () => {
  const whole = await client.messages.create({ model, max_tokens: 200, messages: hello });
  assert.equal(whole.stop_reason, 'end_turn');
  assert.equal(whole.content[0].type, 'text');
  assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
  const stream = client.messages.stream({ model, max_tokens: 200, messages: hello });
  let deltas = 0, text = '';
  stream.on('text', (piece) => { deltas++; text += piece; });
  const final = await stream.finalMessage();
  assert.equal(final.content[0].text, whole.content[0].text);
  assert.equal(text, whole.content[0].text);
  assert.ok(deltas > 3);
});

for (const streaming of [false, true])
  for (const v of ['2023-06-01', '2026-10-21'])
    test(`tool loop, ${streaming ? 'streamed' : 'whole'}, ${v}`, async () => {
      const messages = [{ role: 'user', content: question }], done = [];
      for (let round = 0; round < 5; round++) {
        const body = { model, max_tokens: 1000, system, messages, tools: anthropicTools };
        const answer = streaming ? await client.messages.stream(body, version(v)).finalMessage() : await client.messages.create(body, version(v));
        messages.push({ role: 'assistant', content: answer.content });
        if (answer.stop_reason !== 'tool_use') {
          checkDone(assert, done, answer.content.find((b) => b.type === 'text').text);
          return;
        }
        messages.push({ role: 'user', content: answer.content.filter((b) => b.type === 'tool_use').map((b) => (
          { type: 'tool_result', tool_use_id: b.id, content: runTool(b.name, b.input, done) })) });
      }
      assert.fail('the loop did not end');
    });

test('thinking blocks must come back unchanged', async () => {
  const body = { model, max_tokens: 1000, system, tools: anthropicTools, thinking: { type: 'adaptive', display: 'summarized' } };
  const messages = [{ role: 'user', content: question }];
  const first = await client.messages.stream({ ...body, messages }).finalMessage();
  assert.deepEqual(first.content.map((b) => b.type), ['thinking', 'tool_use']);
  const results = { role: 'user', content: [{ type: 'tool_result', tool_use_id: first.content[1].id, content: '{"busy":[]}' }] };
  const next = await client.messages.create({ ...body, messages: [...messages, { role: 'assistant', content: first.content }, results] });
  assert.equal(next.stop_reason, 'tool_use');
  const forged = [{ ...first.content[0], signature: 'x' }, first.content[1]];
  const error = await refused(client.messages.create({ ...body, messages: [...messages, { role: 'assistant', content: forged }, results] }));
  assert.ok(error instanceof Anthropic.BadRequestError);
});

test('what is refused', async () => {
  const bad = async (change, options) => {
    const error = await refused(client.messages.create({ model, max_tokens: 100, messages: hello, ...change }, options));
    assert.ok(error instanceof Anthropic.BadRequestError, error.message);
    assert.equal(error.error.error.type, 'invalid_request_error');
    assert.match(error.requestID, /^req_/);
  };
  const use = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'book', input: {} }, { type: 'tool_use', id: 't2', name: 'book', input: {} }] };
  const result = (id) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
  const text = { type: 'text', text: 'hm' };
  await bad({ max_tokens: undefined });
  await bad({ messages: [] });
  await bad({ messages: [{ role: 'assistant', content: 'x' }] });
  await bad({ messages: [...hello, { role: 'assistant', content: 'prefill' }] });
  await bad({ messages: [{ role: 'user', content: '' }] });
  await bad({ messages: [{ role: 'tool', content: 'x' }] });
  await bad({ messages: [...hello, use, { role: 'user', content: [result('t1')] }] });
  await bad({ messages: [...hello, use, { role: 'user', content: [result('t1'), result('t2'), result('t3')] }] });
  await bad({ messages: [...hello, use, { role: 'user', content: [text, result('t1'), result('t2')] }] });
  await bad({ messages: [...hello, use, { role: 'user', content: 'never mind' }] });
  await bad({ colour: 'red' });
  await bad({ tools: [{ name: 'bad name', input_schema: { type: 'object' } }] });
  await bad({ tools: [{ name: 'x', input_schema: { type: 'array' } }] });
  await bad({ tools: [anthropicTools[0], anthropicTools[0]] });
  await bad({ tool_choice: { type: 'any' } });
  await bad({ temperature: 1 }, version('2026-10-21'));
  await bad({}, version('2020-01-01'));
  await bad({}, { headers: { 'anthropic-version': null } });
  assert.equal((await client.messages.create({ model, max_tokens: 100, messages: hello, temperature: 1 }, version('2023-06-01'))).role, 'assistant');
});

test('error classes', async () => {
  const create = (c = client, m = model) => c.messages.create({ model: m, max_tokens: 100, messages: hello });
  assert.ok(await refused(create(new Anthropic({ apiKey: 'wrong', authToken: null, baseURL: env.MODEL_URL, maxRetries: 0 }))) instanceof Anthropic.AuthenticationError);
  assert.ok(await refused(create(client, 'claude-0')) instanceof Anthropic.NotFoundError);
  const classes = { 429: Anthropic.RateLimitError, 500: Anthropic.InternalServerError, 529: Anthropic.InternalServerError, 403: Anthropic.PermissionDeniedError };
  for (const [status, type] of Object.entries(classes)) {
    await admin('POST', '/faults', { match: { service: 'model' }, kind: 'status', status: Number(status), retry_after: 1 });
    const error = await refused(create());
    assert.ok(error instanceof type, `${status}: ${error}`);
    assert.equal(error.headers.get('retry-after'), '1');
  }
  const patient = new Anthropic({ apiKey: modelKey, authToken: null, baseURL: env.MODEL_URL, maxRetries: 2 });
  await admin('POST', '/faults', { match: { service: 'model' }, kind: 'status', status: 529, retry_after: 0 });
  assert.equal((await create(patient)).role, 'assistant');
});

test('a stream that breaks', async () => {
  for (const kind of ['midstream_error', 'truncate', 'malformed']) {
    await admin('POST', '/faults', { match: { service: 'model' }, kind });
    const error = await refused(client.messages.stream({ model, max_tokens: 200, messages: hello }).finalMessage());
    if (kind === 'midstream_error') assert.match(error.message, /overloaded_error/);
  }
});

test('limits and parallel calls', async () => {
  const long = await client.messages.create({ model, max_tokens: 20, messages: [{ role: 'user', content: 'long answer 500' }] });
  assert.equal(long.stop_reason, 'max_tokens');
  const two = { model, max_tokens: 500, system, tools: anthropicTools, messages: [{ role: 'user', content: 'two at once' }] };
  const both = await client.messages.create(two);
  assert.equal(both.content.filter((b) => b.type === 'tool_use').length, 2);
  const one = await client.messages.create({ ...two, tool_choice: { type: 'auto', disable_parallel_tool_use: true } });
  assert.equal(one.content.filter((b) => b.type === 'tool_use').length, 1);
  assert.ok((await client.messages.countTokens({ model, messages: hello })).input_tokens > 0);
  assert.equal((await client.models.retrieve(model)).id, model);
  assert.ok((await client.models.list()).data.length > 3);
});
