// Bee-Queue: `node bee_queue.js PORT [SCENARIO ...]`.
'use strict';

const BeeQueue = require('bee-queue');
const { assert, kept, once, port, run, until } = require('./scenario.js');

const queue = (name, options = {}) => kept(new BeeQueue(name, { redis: { host: '127.0.0.1', port }, ...options }));
const add = (jobs, data) => jobs.createJob(data).save();

run({
  async everyJobIsProcessedOnce() {
    const producer = queue('once', { isWorker: false });
    const seen = [];
    for (const consumer of [queue('once'), queue('once')]) consumer.process(5, async (job) => { seen.push(job.data.at); });
    const jobs = Array.from({ length: 150 }, (_, at) => producer.createJob({ at }));
    assert.equal((await producer.saveAll(jobs)).size, 0);
    await until(async () => (await producer.checkHealth()).succeeded === 150, 'all jobs are done');
    once(seen, 150);
  },

  async resultsAndEventsArrive() {
    const jobs = queue('results');
    jobs.process(async (job) => job.data.number * 2);
    const ended = jobs.createJob({ number: 21 });
    const result = new Promise((resolve) => ended.on('succeeded', resolve));
    await ended.save();
    assert.equal(await result, 42);
  },

  async failuresAreRetriedAndCounted() {
    const jobs = queue('failing');
    let attempts = 0;
    jobs.process(async () => {
      attempts += 1;
      throw new Error('no');
    });
    await jobs.createJob({}).retries(2).backoff('immediate').save();
    await until(async () => (await jobs.checkHealth()).failed === 1, 'the job fails in the end');
    assert.equal(attempts, 3);
  },

  async delayedJobsWait() {
    const jobs = queue('delayed', { activateDelayedJobs: true });
    let done = 0;
    jobs.process(async () => { done = Date.now(); });
    const due = Date.now() + 500;
    await jobs.createJob({}).delayUntil(due).save();
    await until(() => done > 0, 'the delayed job runs');
    assert.ok(done >= due - 10, `it ran ${due - done} ms early`);
  },

  async stalledJobsAreTakenUpAgain() {
    const lost = queue('stalled', { stallInterval: 300 });
    const seen = [];
    lost.process(async (job) => {
      seen.push(job.data.at);
      await new Promise(() => {});
    });
    await add(lost, { at: 0 });
    await until(() => seen.length === 1, 'the first worker takes the job');
    await lost.close(1).catch(() => {});
    const heir = queue('stalled', { stallInterval: 300 });
    heir.process(async (job) => { seen.push(job.data.at); });
    const looking = setInterval(() => heir.checkStalledJobs().catch(() => {}), 200);
    await until(async () => (await heir.checkHealth()).succeeded === 1, 'another worker takes the job up');
    clearInterval(looking);
    assert.deepEqual(seen, [0, 0]);
  },
});
