// node-redis, with RESP2 and RESP3: `node node_redis.js PORT [SCENARIO ...]`.
'use strict';

const { createClient, defineScript } = require('redis');
const { assert, kept, port, run, until } = require('./scenario.js');

async function connect(options = {}) {
  const client = kept(createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 20 }, ...options }));
  await client.connect();
  return client;
}

const scripted = {
  scripts: {
    add: defineScript({
      SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
      NUMBER_OF_KEYS: 1,
      parseCommand(parser, key, by) {
        parser.pushKey(key);
        parser.push(String(by));
      },
      transformReply: (reply) => reply,
    }),
  },
};

async function types(RESP) {
  const client = await connect({ RESP });
  await client.flushAll();
  assert.equal(await client.set('s', 'v', { EX: 100, NX: true }), 'OK');
  assert.equal(await client.set('s', 'w', { NX: true }), null);
  await client.hSet('h', { a: '1', b: '2' });
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: '2' });
  await client.zAdd('z', [{ score: 2, value: 'two' }, { score: 1.5, value: 'one' }]);
  assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [{ value: 'one', score: 1.5 }, { value: 'two', score: 2 }]);
  assert.equal(await client.zScore('z', 'one'), 1.5);
  await client.sAdd('set', ['a', 'b']);
  assert.deepEqual([...(await client.sMembers('set'))].sort(), ['a', 'b']);
  await assert.rejects(client.lPush('s', 'x'), /WRONGTYPE/);
  await assert.rejects(client.sendCommand(['NOSUCH']), /unknown command/);
}

async function subscribers(RESP) {
  const publisher = await connect({ RESP });
  const subscriber = await connect({ RESP });
  const heard = [];
  await subscriber.subscribe('news', (message, channel) => heard.push(`${channel} ${message}`));
  await subscriber.pSubscribe('mail.*', (message, channel) => heard.push(`${channel} ${message}`));
  for (let at = 0; at < 100; at += 1) assert.equal(await publisher.publish('news', String(at)), 1);
  await publisher.publish('mail.in', 'x');
  await until(() => heard.length === 101, 'all messages arrive');
  assert.deepEqual(heard, [...Array.from({ length: 100 }, (_, at) => `news ${at}`), 'mail.in x']);
  await subscriber.unsubscribe();
  await subscriber.pUnsubscribe();
  assert.equal(await subscriber.get('none'), null);
}

run({
  typesWithRESP2: () => types(2),
  typesWithRESP3: () => types(3),
  subscribersWithRESP2: () => subscribers(2),
  subscribersWithRESP3: () => subscribers(3),

  async automaticPipelinesKeepTheOrder() {
    const client = await connect();
    const pushed = await Promise.all(Array.from({ length: 1000 }, (_, at) => client.rPush(`list:${at % 7}`, String(at))));
    assert.equal(pushed[999], Math.floor(999 / 7) + 1);
    assert.deepEqual(await client.lRange('list:3', 0, 2), ['3', '10', '17']);
  },

  async transactionsAndWatch() {
    const client = await connect();
    const other = await connect();
    assert.deepEqual(await client.multi().set('a', '1').incr('b').lPush('c', 'x').exec(), ['OK', 1, 1]);
    await client.watch('a');
    await other.set('a', '2');
    await assert.rejects(client.multi().set('a', '3').exec(), /watched keys has been changed/i);
    assert.equal(await client.get('a'), '2');
  },

  async scripts() {
    const client = await connect(scripted);
    assert.equal(await client.add('sum', 5), 5);
    await client.scriptFlush();
    assert.equal(await client.add('sum', 5), 10);
    assert.equal(await client.eval('return ARGV[1]', { arguments: ['x'] }), 'x');
  },

  async blockingCommandsWake() {
    const [one, two, producer] = await Promise.all([connect(), connect(), connect()]);
    const popped = one.blPop(['left', 'right'], 0);
    const moved = two.blMove('source', 'target', 'LEFT', 'RIGHT', 0);
    await until(async () => /blocked_clients:2/.test(await producer.info('clients')), 'both wait');
    await producer.rPush('right', 'r');
    await producer.rPush('source', 'f');
    assert.deepEqual({ ...(await popped) }, { key: 'right', element: 'r' });
    assert.equal(await moved, 'f');
    assert.equal(await one.blPop('nothing', 0.05), null);
  },

  async streamsAndScans() {
    const client = await connect({ RESP: 2 });
    const id = await client.xAdd('stream', '*', { field: 'value' });
    await client.xGroupCreate('stream', 'group', '0');
    const [read] = await client.xReadGroup('group', 'me', [{ key: 'stream', id: '>' }], { COUNT: 10 });
    assert.equal(read.messages[0].id, id);
    assert.deepEqual({ ...read.messages[0].message }, { field: 'value' });
    assert.equal(await client.xAck('stream', 'group', id), 1);
    await Promise.all(Array.from({ length: 300 }, (_, at) => client.set(`scan:${at}`, 'x')));
    const keys = new Set();
    for await (const batch of client.scanIterator({ MATCH: 'scan:*', COUNT: 50 })) batch.forEach((key) => keys.add(key));
    assert.equal(keys.size, 300);
  },
});
