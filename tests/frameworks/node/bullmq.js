// BullMQ: `node bullmq.js PORT [SCENARIO ...]`.
'use strict';

const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const { assert, kept, once, pause, port, run, until } = require('./scenario.js');

const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const queue = (name, options = {}) => kept(new Queue(name, { connection, ...options }));
const worker = (name, run, options = {}) => kept(new Worker(name, run, { connection, ...options }));

const scenarios = {
  async everyJobIsProcessedOnce() {
    const jobs = queue('once');
    const seen = [];
    worker('once', async (job) => seen.push(job.data.at), { concurrency: 10 });
    worker('once', async (job) => seen.push(job.data.at), { concurrency: 10 });
    await jobs.addBulk(Array.from({ length: 300 }, (_, at) => ({ name: 'job', data: { at } })));
    await until(() => seen.length >= 300, 'all jobs are processed');
    await until(async () => (await jobs.getCompletedCount()) === 300, 'all jobs are completed');
    once(seen, 300);
  },

  async resultsAndEventsArrive() {
    const jobs = queue('results');
    const events = kept(new QueueEvents('results', { connection }));
    await events.waitUntilReady();
    worker('results', async (job) => job.data.number * 2);
    const job = await jobs.add('double', { number: 21 });
    assert.equal(await job.waitUntilFinished(events, 60000), 42);
  },

  async failuresAreRetriedAndCounted() {
    const jobs = queue('failing');
    let attempts = 0;
    worker('failing', async () => {
      attempts += 1;
      throw new Error('no');
    });
    const job = await jobs.add('job', {}, { attempts: 3, backoff: { type: 'fixed', delay: 20 } });
    await until(() => job.isFailed(), 'the job fails in the end');
    assert.equal(attempts, 3);
  },

  async delayedJobsWait() {
    const jobs = queue('delayed');
    let done = 0;
    worker('delayed', async () => { done = Date.now(); });
    const added = Date.now();
    await jobs.add('later', {}, { delay: 400 });
    await until(() => done > 0, 'the delayed job runs');
    assert.ok(done - added >= 390, `it ran after ${done - added} ms`);
  },

  async higherPrioritiesComeFirst() {
    const jobs = queue('priorities');
    for (const priority of [5, 1, 3, 2, 4]) await jobs.add('job', { priority }, { priority });
    const order = [];
    worker('priorities', async (job) => order.push(job.data.priority));
    await until(() => order.length === 5, 'all jobs run');
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
  },

  async parentsWaitForChildrenOfOtherQueues() {
    const flow = kept(new FlowProducer({ connection }));
    const order = [];
    for (const name of ['parent', 'left', 'right']) worker(name, async (job) => order.push(job.name));
    await flow.add({
      name: 'top', queueName: 'parent', data: {},
      children: [
        { name: 'one', queueName: 'left', data: {} },
        { name: 'two', queueName: 'right', data: {} },
        { name: 'three', queueName: 'left', data: {} },
      ],
    });
    await until(() => order.length >= 4, 'parent and children run');
    assert.deepEqual([...order].sort(), ['one', 'three', 'top', 'two']);
    assert.equal(order[3], 'top');
  },

  async ratesAreLimited() {
    const jobs = queue('limited');
    const times = [];
    worker('limited', async () => times.push(Date.now()), { limiter: { max: 2, duration: 300 } });
    await jobs.addBulk(Array.from({ length: 6 }, () => ({ name: 'job', data: {} })));
    await until(() => times.length === 6, 'all jobs run');
    assert.ok(times[5] - times[0] >= 500, `six jobs took ${times[5] - times[0]} ms`);
  },

  async stalledJobsAreTakenUpAgain() {
    const jobs = queue('stalled');
    const lost = new Worker('stalled', null, { connection, lockDuration: 300 });
    lost.on('error', () => {});
    await jobs.add('job', {});
    assert.ok(await lost.getNextJob('token'), 'the first worker takes the job');
    await lost.close(true);
    let done = 0;
    worker('stalled', async () => { done += 1; }, { stalledInterval: 200, lockDuration: 300 });
    await until(() => done === 1, 'another worker takes the job up');
  },

  async schedulersRepeat() {
    const jobs = queue('scheduled');
    let runs = 0;
    worker('scheduled', async () => { runs += 1; });
    await jobs.upsertJobScheduler('each', { every: 100 }, { name: 'tick' });
    await until(() => runs >= 3, 'the job repeats');
    await jobs.removeJobScheduler('each');
  },

  async repeatedIdsAreOneJob() {
    const jobs = queue('unique');
    const seen = [];
    for (let at = 0; at < 20; at += 1) await jobs.add('job', { at: at % 4 }, { jobId: `id-${at % 4}` });
    worker('unique', async (job) => seen.push(job.data.at));
    await until(async () => (await jobs.getCompletedCount()) === 4, 'all jobs are completed');
    once(seen, 4);
  },

  async finishedJobsAreRemovedByCountAndLogsAreKept() {
    const jobs = queue('kept');
    const seen = [];
    worker('kept', async (job) => {
      await job.log(`at ${job.data.at}`);
      await job.updateProgress(50);
      seen.push(job.data.at);
    }, { concurrency: 3 });
    await jobs.addBulk(Array.from({ length: 30 }, (_, at) => ({ name: 'job', data: { at }, opts: { removeOnComplete: 5 } })));
    await until(() => seen.length >= 30, 'all jobs run');
    await until(async () => (await jobs.getCompletedCount()) === 5 && (await jobs.getActiveCount()) === 0, 'five are kept');
    once(seen, 30);
    const [last] = await jobs.getCompleted();
    assert.deepEqual((await jobs.getJobLogs(last.id)).logs, [`at ${last.data.at}`]);
    assert.equal(last.progress, 50);
  },

  async manyWorkersShareManyJobs() {
    const jobs = queue('many');
    const seen = [];
    for (let at = 0; at < 8; at += 1) worker('many', async (job) => seen.push(job.data.at), { concurrency: 5 });
    const adding = Array.from({ length: 1000 }, (_, at) => jobs.add('job', { at }, at % 3 ? {} : { priority: 1 + (at % 5) }));
    await Promise.all(adding);
    await until(async () => (await jobs.getCompletedCount()) === 1000, 'all jobs are completed');
    once(seen, 1000);
  },

  async queuesArePausedDrainedAndObliterated() {
    const jobs = queue('paused');
    let runs = 0;
    worker('paused', async () => { runs += 1; });
    await jobs.pause();
    await jobs.addBulk(Array.from({ length: 5 }, () => ({ name: 'job', data: {} })));
    await pause(100);
    assert.equal(runs, 0);
    await jobs.resume();
    await until(() => runs === 5, 'jobs run after the pause');
    await jobs.add('last', {}, { delay: 100000 });
    await jobs.drain(true);
    await jobs.obliterate({ force: true });
    assert.equal(await jobs.count(), 0);
  },
};

run(scenarios);
