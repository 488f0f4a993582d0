// Bull 4: `node bull.js PORT [SCENARIO ...]`.
'use strict';

const Bull = require('bull');
const { assert, kept, once, pause, port, run, until } = require('./scenario.js');

const queue = (name, options = {}) => kept(new Bull(name, { redis: { host: '127.0.0.1', port }, ...options }));

run({
  async everyJobIsProcessedOnce() {
    const producer = queue('once');
    const seen = [];
    for (const consumer of [queue('once'), queue('once')]) consumer.process(5, async (job) => seen.push(job.data.at));
    await producer.addBulk(Array.from({ length: 200 }, (_, at) => ({ data: { at } })));
    await until(async () => (await producer.getCompletedCount()) === 200, 'all jobs are completed');
    once(seen, 200);
  },

  async resultsAndEventsArrive() {
    const jobs = queue('results');
    jobs.process(async (job) => job.data.number * 2);
    const job = await jobs.add({ number: 21 });
    assert.equal(await job.finished(), 42);
  },

  async failuresAreRetriedAndCounted() {
    const jobs = queue('failing');
    let attempts = 0;
    jobs.process(async () => {
      attempts += 1;
      throw new Error('no');
    });
    const job = await jobs.add({}, { attempts: 3, backoff: 20 });
    await until(() => job.isFailed(), 'the job fails in the end');
    assert.equal(attempts, 3);
  },

  async delayedJobsWait() {
    const jobs = queue('delayed');
    let done = 0;
    jobs.process(async () => { done = Date.now(); });
    const added = Date.now();
    await jobs.add({}, { delay: 400 });
    await until(() => done > 0, 'the delayed job runs');
    assert.ok(done - added >= 390, `it ran after ${done - added} ms`);
  },

  async higherPrioritiesComeFirst() {
    const jobs = queue('priorities');
    for (const priority of [5, 1, 3, 2, 4]) await jobs.add({ priority }, { priority });
    const order = [];
    jobs.process(1, async (job) => order.push(job.data.priority));
    await until(() => order.length === 5, 'all jobs run');
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
  },

  async ratesAreLimited() {
    const jobs = queue('limited', { limiter: { max: 2, duration: 300 } });
    const times = [];
    jobs.process(async () => { times.push(Date.now()); });
    await jobs.addBulk(Array.from({ length: 6 }, () => ({ data: {} })));
    await until(() => times.length === 6, 'all jobs run');
    assert.ok(times[5] - times[0] >= 500, `six jobs took ${times[5] - times[0]} ms`);
  },

  async queuesArePausedAndEmptied() {
    const jobs = queue('paused');
    const seen = [];
    jobs.process(async (job) => seen.push(job.data.at));
    await jobs.pause();
    await jobs.addBulk([0, 1, 2, 3, 4].map((at) => ({ data: { at } })));
    await pause(100);
    assert.equal(seen.length, 0);
    await jobs.resume();
    await until(async () => (await jobs.getCompletedCount()) === 5, 'jobs run after the pause');
    once(seen, 5);
    await jobs.add({}, { delay: 100000 });
    await jobs.obliterate({ force: true });
    assert.equal(await jobs.count(), 0);
  },
});
