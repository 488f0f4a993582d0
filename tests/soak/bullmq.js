// A producer or worker of BullMQ in the soak: `node bullmq.js produce|consume LIFE`; it may be killed at any moment.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Queue, Worker } = require('bullmq');

const [part, life] = process.argv.slice(2);
const ledger = path.join(process.env.LEDGERS, 'bullmq.ledger');
const connection = { host: '127.0.0.1', port: Number(process.env.SERVER_PORT), maxRetriesPerRequest: null };
const write = (what, entries) => fs.appendFileSync(ledger, entries.map((entry) => `${what} ${entry}\n`).join(''));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quiet = (thing) => thing.on('error', () => {});

let ending = false;

async function produce() {
  const queue = quiet(new Queue('soak', { connection }));
  for (let number = 0; !ending; number += 1) {
    // Its id makes a job that is added again, when the answer was lost with the connection, the same job.
    const entries = [0, 1, 2, 3, 4].map((place) => `bullmq-${life}-${number}-${place}`);
    write('intended', entries);
    const jobs = entries.map((entry) => ({ name: 'job', data: { entry }, opts: { jobId: entry } }));
    while (!(await queue.addBulk(jobs).then(() => true, () => false))) await pause(10);
    write('sent', entries);
    await pause(30);
  }
  process.exit(0);
}

function consume() {
  const worker = quiet(new Worker('soak', async (job) => {
    await pause(30);
    write(job.attemptsStarted > 1 || job.stalledCounter > 0 ? 'again' : 'done', [job.data.entry]);
  }, { connection, concurrency: 5, lockDuration: 3000, stalledInterval: 1000, maxStalledCount: 1000 }));
  process.on('SIGTERM', () => worker.close(true).finally(() => process.exit(0)));
}

process.on('SIGTERM', () => { ending = true; });
if (part === 'produce') produce();
else consume();
