// ioredis, the client of BullMQ and Bull: `node ioredis.js PORT [SCENARIO ...]`.
'use strict';

const Redis = require('ioredis');
const { assert, kept, once, port, run, until } = require('./scenario.js');

const connect = (options = {}) => kept(new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null, ...options }));

run({
  async commandsAndTypes() {
    const client = connect();
    assert.equal(await client.set('s', 'v', 'EX', 100, 'NX'), 'OK');
    assert.equal(await client.set('s', 'w', 'NX'), null);
    await client.hset('h', { a: 1, b: 2 });
    assert.deepEqual(await client.hgetall('h'), { a: '1', b: '2' });
    await client.zadd('z', 2, 'two', 1, 'one');
    assert.deepEqual(await client.zrange('z', 0, -1, 'WITHSCORES'), ['one', '1', 'two', '2']);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await client.set(bytes, bytes);
    assert.deepEqual(await client.getBuffer(bytes), bytes);
    await assert.rejects(client.call('NOSUCH'), /unknown command/);
    await assert.rejects(client.lpush('s', 'x'), /WRONGTYPE/);
  },

  async pipelinesKeepTheOrder() {
    const client = connect();
    const pipeline = client.pipeline();
    for (let at = 0; at < 1000; at += 1) pipeline.rpush(`list:${at % 7}`, at).incr('counter');
    const replies = await pipeline.exec();
    assert.equal(replies.length, 2000);
    replies.filter((_, at) => at % 2).forEach(([error, value], at) => assert.deepEqual([error, value], [null, at + 1]));
    assert.deepEqual((await client.lrange('list:3', 0, 2)), ['3', '10', '17']);
  },

  async automaticPipelines() {
    const client = connect({ enableAutoPipelining: true });
    await Promise.all(Array.from({ length: 500 }, (_, at) => client.set(`auto:${at}`, at)));
    const values = await Promise.all(Array.from({ length: 500 }, (_, at) => client.get(`auto:${at}`)));
    once(values.map(Number), 500);
    assert.deepEqual(values, Array.from({ length: 500 }, (_, at) => String(at)));
  },

  async transactionsAndWatch() {
    const client = connect();
    assert.deepEqual(await client.multi().set('a', 1).incr('b').lpush('c', 'x').exec(), [[null, 'OK'], [null, 1], [null, 1]]);
    const other = connect();
    await client.watch('a');
    await other.set('a', 2);
    assert.equal(await client.multi().set('a', 3).exec(), null);
    await assert.rejects(client.multi().set('a', 3).call('NOSUCH').exec(), /EXECABORT/);
    assert.equal(await client.get('a'), '2');
  },

  async scriptsAsCommands() {
    const client = connect({ scripts: { move: { numberOfKeys: 2, lua: "local v = redis.call('RPOP', KEYS[1]) if v then redis.call('LPUSH', KEYS[2], v) end return v" } } });
    await client.rpush('from', 1, 2, 3);
    const moved = [await client.move('from', 'to'), await client.move('from', 'to'), await client.move('from', 'to')];
    assert.deepEqual(moved, ['3', '2', '1']);
    assert.equal(await client.move('from', 'to'), null);
    await connect().script('FLUSH');
    await client.rpush('from', 4);
    assert.equal(await client.move('from', 'to'), '4');
  },

  async subscribersAndPatterns() {
    const [subscriber, publisher] = [connect(), connect()];
    const heard = [];
    subscriber.on('message', (channel, message) => heard.push(`${channel} ${message}`));
    subscriber.on('pmessage', (pattern, channel, message) => heard.push(`${pattern} ${channel} ${message}`));
    assert.equal(await subscriber.subscribe('news', 'sport'), 2);
    assert.equal(await subscriber.psubscribe('mail.*'), 3);
    for (let at = 0; at < 100; at += 1) await publisher.publish('news', at);
    await publisher.publish('mail.in', 'x');
    await until(() => heard.length === 101, 'all messages arrive');
    assert.deepEqual(heard, [...Array.from({ length: 100 }, (_, at) => `news ${at}`), 'mail.* mail.in x']);
    assert.equal(await subscriber.unsubscribe('news', 'sport'), 1);
    assert.equal(await subscriber.punsubscribe('mail.*'), 0);
    assert.equal(await subscriber.ping(), 'PONG');
  },

  async blockingCommandsWake() {
    const [one, two, producer] = [connect(), connect(), connect()];
    const popped = one.blpop('left', 'right', 0);
    const moved = two.blmove('source', 'target', 'LEFT', 'RIGHT', 0);
    await until(async () => /blocked_clients:2/.test(await producer.info('clients')), 'both wait');
    await producer.rpush('right', 'r');
    await producer.rpush('source', 'f');
    assert.deepEqual([await popped, await moved], [['right', 'r'], 'f']);
    assert.equal(await one.blpop('nothing', 0.05), null);
    assert.deepEqual(await producer.lrange('target', 0, -1), ['f']);
  },

  async connectionsComeBack() {
    const [client, other] = [connect({ retryStrategy: () => 20 }), connect()];
    const subscriber = connect({ retryStrategy: () => 20 });
    const heard = [];
    subscriber.on('message', (_, message) => heard.push(message));
    await subscriber.subscribe('again');
    await client.set('before', 1);
    await other.call('CLIENT', 'KILL', 'SKIPME', 'yes');
    await other.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(async () => (await client.incr('before')) > 1, 'it is connected again');
    await until(async () => (await other.publish('again', 'x')) === 1, 'it has subscribed again');
    await until(() => heard.length === 1, 'the message arrives');
  },

  async scansAndStreams() {
    const client = connect();
    await Promise.all(Array.from({ length: 300 }, (_, at) => client.set(`scan:${at}`, at)));
    const keys = new Set();
    for await (const batch of client.scanStream({ match: 'scan:*', count: 50 })) batch.forEach((key) => keys.add(key));
    assert.equal(keys.size, 300);
    const id = await client.xadd('stream', '*', 'field', 'value');
    await client.xgroup('CREATE', 'stream', 'group', '0');
    const read = await client.xreadgroup('GROUP', 'group', 'me', 'COUNT', 10, 'STREAMS', 'stream', '>');
    assert.deepEqual(read, [['stream', [[id, ['field', 'value']]]]]);
    assert.equal(await client.xack('stream', 'group', id), 1);
  },
});
