// Records what BullMQ sends: `node bullmq_requests.js PORT QUEUE` adds jobs and completes some with the package's own classes, against the
// server on 127.0.0.1:PORT, and prints JSON: the scripts, and one request of each with its words in base64.
'use strict';

const { Queue, Worker } = require('bullmq');
const IORedis = require('ioredis').Redis ?? require('ioredis');

const [port, name] = [Number(process.argv[2]), process.argv[3]];
const data = {
  user: 4711, email: 'somebody@example.com', template: 'welcome', locale: 'en-GB',
  items: [{ sku: 'A-1', count: 2, price: 9.5 }, { sku: 'B-7', count: 1, price: 120 }],
};
const options = { attempts: 3, backoff: { type: 'exponential', delay: 1000 }, removeOnComplete: true };

function recorded(sent) {
  const connection = new IORedis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
  const send = connection.sendCommand.bind(connection);
  connection.sendCommand = (command, ...rest) => {
    if (/^evalsha$/i.test(command.name)) sent.push(command.args.flat().map((word) => Buffer.from(word instanceof Buffer ? word : String(word))));
    return send(command, ...rest);
  };
  return connection;
}

async function main() {
  const [added, worked] = [[], []];
  const adding = recorded(added);
  const working = recorded(worked);
  const queue = new Queue(name, { connection: adding });
  await queue.waitUntilReady();
  for (let at = 0; at < 4; at += 1) await queue.add('send-mail', data, options);
  const worker = new Worker(name, null, { connection: working, autorun: false });
  await worker.waitUntilReady();
  const token = 'token-of-the-worker';
  let job = await worker.getNextJob(token);
  for (let at = 0; at < 2; at += 1) {
    const next = await job.moveToCompleted({ delivered: true, queue: 'mx1' }, token, true);
    job = await worker.nextJobFromJobData(next[0], next[1], token);
  }
  const scripts = require('bullmq/dist/cjs/scripts');
  const words = (request) => request.map((word) => word.toString('base64'));
  const recording = JSON.stringify({
    add: { script: scripts.addStandardJob.content, request: words(added.at(-1)) },
    finish: { script: scripts.moveToFinished.content, request: words(worked.at(-1)) },
    take: { script: scripts.moveToActive.content, request: words(worked.at(0)) },
  });
  process.stdout.write(recording, () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
