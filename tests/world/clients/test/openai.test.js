import { test } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { admin, env, modelKey, refused } from './world.js';
import { checkDone, question, runTool, system, tools } from './tools.js';

const client = new OpenAI({ apiKey: modelKey, baseURL: env.MODEL_URL + '/v1', maxRetries: 0 });
const model = 'stand-in';
const hello = [{ role: 'user', content: 'Hello!' }];
const functions = tools.map(({ schema, ...tool }) => ({ type: 'function', function: { ...tool, parameters: schema } }));

test('an answer at once and as a stream', async () => {
  const whole = await client.chat.completions.create({ model, messages: hello });
  assert.equal(whole.choices[0].finish_reason, 'stop');
  let text = '', pieces = 0, usage;
  const stream = await client.chat.completions.create({ model, messages: hello, stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) { text += chunk.choices[0].delta.content; pieces++; }
    if (chunk.usage) { assert.deepEqual(chunk.choices, []); usage = chunk.usage; }
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.ok(pieces > 3 && usage.total_tokens > 0);
  assert.ok((await client.models.list()).data.some((m) => m.id === model));
});

for (const streaming of [false, true])
  test(`tool loop, ${streaming ? 'streamed' : 'whole'}`, async () => {
    const messages = [{ role: 'system', content: system }, { role: 'user', content: question }], done = [];
    for (let round = 0; round < 5; round++) {
      const body = { model, messages, tools: functions };
      const { choices: [choice] } = streaming ? await client.chat.completions.stream(body).finalChatCompletion() : await client.chat.completions.create(body);
      messages.push(choice.message);
      if (!choice.message.tool_calls?.length) {
        assert.equal(choice.finish_reason, 'stop');
        checkDone(assert, done, choice.message.content);
        return;
      }
      assert.equal(choice.finish_reason, 'tool_calls');
      for (const call of choice.message.tool_calls)
        messages.push({ role: 'tool', tool_call_id: call.id, content: runTool(call.function.name, JSON.parse(call.function.arguments), done) });
    }
    assert.fail('the loop did not end');
  });

test('what is refused', async () => {
  const bad = async (change) => {
    const error = await refused(client.chat.completions.create({ model, messages: hello, ...change }));
    assert.ok(error instanceof OpenAI.BadRequestError, error.message);
    assert.equal(error.type, 'invalid_request_error');
  };
  const calls = { role: 'assistant', content: null, tool_calls: ['a', 'b'].map((id) => ({ id, type: 'function', function: { name: 'book', arguments: '{}' } })) };
  const result = (id) => ({ role: 'tool', tool_call_id: id, content: 'ok' });
  await bad({ messages: [] });
  await bad({ messages: [{ role: 'user' }] });
  await bad({ messages: [{ role: 'robot', content: 'x' }] });
  await bad({ messages: [...hello, calls, result('a')] });
  await bad({ messages: [...hello, calls, result('a'), ...hello] });
  await bad({ messages: [...hello, calls, result('a'), result('b'), result('c')] });
  await bad({ messages: [...hello, result('a')] });
  await bad({ messages: [...hello, { ...calls, tool_calls: [{ id: 'a', type: 'function', function: { name: 'book', arguments: {} } }] }, result('a')] });
  await bad({ colour: 'red' });
  await bad({ tools: [] });
  await bad({ tool_choice: 'auto' });
  await bad({ max_tokens: 5, max_completion_tokens: 5 });
  await bad({ stream_options: { include_usage: true } });
  await bad({ tools: [{ type: 'function', function: { name: 'bad name' } }] });
  const fine = await client.chat.completions.create({ model, messages: [...hello, calls, result('b'), result('a')], temperature: 0 });
  assert.equal(fine.choices[0].message.role, 'assistant');
});

test('error classes', async () => {
  const create = (c = client, m = model) => c.chat.completions.create({ model: m, messages: hello });
  assert.ok(await refused(create(new OpenAI({ apiKey: 'wrong', baseURL: env.MODEL_URL + '/v1', maxRetries: 0 }))) instanceof OpenAI.AuthenticationError);
  assert.ok(await refused(create(client, 'nothing')) instanceof OpenAI.NotFoundError);
  for (const [status, type] of Object.entries({ 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError, 503: OpenAI.InternalServerError })) {
    await admin('POST', '/faults', { match: { service: 'model' }, kind: 'status', status: Number(status) });
    assert.ok(await refused(create()) instanceof type, status);
  }
  await admin('POST', '/faults', { match: { service: 'model' }, kind: 'status', status: 429, reason: 'insufficient_quota' });
  assert.equal((await refused(create())).code, 'insufficient_quota');
});

test('a stream that breaks, limits, parallel calls', async () => {
  const read = async () => {
    for await (const chunk of await client.chat.completions.create({ model, messages: hello, stream: true })) void chunk;
  };
  for (const kind of ['midstream_error', 'truncate', 'malformed']) {
    await admin('POST', '/faults', { match: { service: 'model' }, kind });
    await refused(read());
  }
  await read();
  const long = await client.chat.completions.create({ model, max_completion_tokens: 20, messages: [{ role: 'user', content: 'long answer 500' }] });
  assert.equal(long.choices[0].finish_reason, 'length');
  const two = { model, tools: functions, messages: [{ role: 'system', content: system }, { role: 'user', content: 'two at once' }] };
  assert.equal((await client.chat.completions.create(two)).choices[0].message.tool_calls.length, 2);
  assert.equal((await client.chat.completions.create({ ...two, parallel_tool_calls: false })).choices[0].message.tool_calls.length, 1);
});

test('a connection with the wrong certificate is not trusted', async () => {
  for (const kind of ['wrong_host_cert', 'unknown_ca_cert']) {
    await admin('POST', '/faults', { match: { service: 'model' }, kind });
    const { Agent } = await import('node:https');
    const https = await import('node:https');
    const error = await refused(new Promise((done, fail) =>
      https.get(env.MODEL_URL + '/v1/models', { agent: new Agent({ keepAlive: false }) }, done).on('error', fail)));
    assert.match(error.code, kind === 'wrong_host_cert' ? /ALTNAME/ : /UNABLE|SELF_SIGNED|VERIFY/);
  }
});
