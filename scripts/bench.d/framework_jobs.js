// Jobs that do nothing, over four queues: `node framework_jobs.js bullmq|bull|bee-queue PORT JOBS`. Prints the seconds from the first
// job added to the last one completed.
'use strict';

const QUEUES = 4;
const CONCURRENCY = 50;
const BULK = 100;

// Of each framework: begins to work on a queue and tells of each job completed; answers how a hundred jobs are added.
const kinds = {
  async bullmq(name, connection, completed) {
    const { Queue, Worker } = require('bullmq');
    const options = { connection: { ...connection, maxRetriesPerRequest: null } };
    const worker = new Worker(name, async () => 1, { ...options, concurrency: CONCURRENCY });
    worker.on('completed', completed);
    await worker.waitUntilReady();
    const queue = new Queue(name, options);
    const bulk = Array.from({ length: BULK }, (_, at) => ({ name: 'job', data: { at }, opts: { removeOnComplete: true } }));
    return () => queue.addBulk(bulk);
  },

  async bull(name, redis, completed) {
    const Bull = require('bull');
    const worker = new Bull(name, { redis });
    worker.process(CONCURRENCY, async () => 1);
    worker.on('completed', completed);
    await worker.isReady();
    const queue = new Bull(name, { redis });
    const bulk = Array.from({ length: BULK }, (_, at) => ({ data: { at }, opts: { removeOnComplete: true } }));
    return () => queue.addBulk(bulk);
  },

  async 'bee-queue'(name, redis, completed) {
    const BeeQueue = require('bee-queue');
    const worker = new BeeQueue(name, { redis, removeOnSuccess: true });
    worker.process(CONCURRENCY, async () => 1);
    worker.on('succeeded', completed);
    await worker.ready();
    const queue = new BeeQueue(name, { redis, isWorker: false });
    return () => queue.saveAll(Array.from({ length: BULK }, (_, at) => queue.createJob({ at })));
  },
};

async function main() {
  const [kind, port, jobs] = process.argv.slice(2).map((word, at) => (at === 0 ? word : Number(word)));
  let left = jobs;
  let finished;
  const all = new Promise((resolve) => { finished = resolve; });
  const completed = () => { left -= 1; if (left === 0) finished(); };
  const names = Array.from({ length: QUEUES }, (_, at) => `bench${at}`);
  const adders = await Promise.all(names.map((name) => kinds[kind](name, { host: '127.0.0.1', port }, completed)));
  const begun = process.hrtime.bigint();
  await Promise.all(adders.map(async (add) => { for (let at = 0; at < jobs / QUEUES / BULK; at += 1) await add(); }));
  await all;
  console.log(Number(process.hrtime.bigint() - begun) / 1e9);
  process.exit(0);
}

main();
