// Adds jobs of BullMQ for bullmq_worker.js: `node bullmq_producer.js PORT COUNT`.
'use strict';

const { Queue } = require('bullmq');

async function main() {
  const queue = new Queue('mail', { connection: { host: '127.0.0.1', port: Number(process.argv[2]) } });
  await queue.addBulk(Array.from({ length: Number(process.argv[3]) }, (_, at) => ({ name: 'job', data: { at } })));
  await queue.close();
  console.log('ok added');
}

main();
