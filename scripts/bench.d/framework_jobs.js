// Jobs of BullMQ that do nothing, over four queues: `node framework_jobs.js PORT JOBS`. Prints the seconds from the first job added to
// the last one completed.
'use strict';

const { Queue, Worker } = require('bullmq');

const QUEUES = 4;
const CONCURRENCY = 50;
const BULK = 100;

async function main() {
  const [port, jobs] = process.argv.slice(2).map(Number);
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  let left = jobs;
  let finished;
  const all = new Promise((resolve) => { finished = resolve; });
  const queues = Array.from({ length: QUEUES }, (_, at) => new Queue(`bench${at}`, { connection }));
  const workers = queues.map((queue) => new Worker(queue.name, async () => 1, { connection, concurrency: CONCURRENCY }));
  for (const worker of workers) {
    worker.on('completed', () => { left -= 1; if (left === 0) finished(); });
    await worker.waitUntilReady();
  }
  const begun = process.hrtime.bigint();
  const each = Array.from({ length: jobs / QUEUES / BULK }, (_, at) => at);
  const bulk = Array.from({ length: BULK }, (_, at) => ({ name: 'job', data: { at }, opts: { removeOnComplete: true } }));
  await Promise.all(queues.map(async (queue) => { for (const _ of each) await queue.addBulk(bulk); }));
  await all;
  console.log(Number(process.hrtime.bigint() - begun) / 1e9);
  process.exit(0);
}

main();
