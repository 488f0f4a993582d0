// A worker of BullMQ in a process of its own: `node bullmq_worker.js PORT hold|go`; one that holds never ends a job.
'use strict';

const fs = require('node:fs');
const { Worker } = require('bullmq');

const holds = process.argv[3] === 'hold';
const worker = new Worker('mail', (job) => {
  fs.appendFileSync(process.env.LEDGER, `job:${job.data.at}\n`);
  return holds ? new Promise(() => {}) : job.data.at;
}, {
  connection: { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null },
  concurrency: 5,
  // Locks of the worker that is to be killed run out soon; those of its heir never, however slow the machine is.
  lockDuration: holds ? 2000 : 300000,
  stalledInterval: 500,
});
worker.on('error', (error) => console.error(error));
