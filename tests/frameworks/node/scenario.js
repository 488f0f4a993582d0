// What the programs of this folder share: `node PROGRAM PORT [SCENARIO ...]` prints one line per scenario, `ok NAME` or
// `FAIL NAME: why`.
'use strict';

const assert = require('node:assert/strict');

// On a machine under heavy load everything takes long; nothing that goes well waits for it.
const PATIENCE_MS = 300000;

const port = Number(process.argv[2]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const open = [];

// Remembers what is to be closed after the scenario.
function kept(thing) {
  thing.on('error', () => {});
  open.push(thing);
  return thing;
}

async function until(holds, what) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    await pause(10);
  }
}

// Every number below `count` is in `seen` exactly once.
function once(seen, count) {
  assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: count }, (_, at) => at));
}

async function run(scenarios) {
  const wanted = process.argv.slice(3);
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    try {
      await scenario();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAIL ${name}: ${error.stack}`);
    }
    await Promise.allSettled(open.splice(0).map((thing) => Promise.race([thing.close?.() ?? thing.disconnect(), pause(5000)])));
  }
  process.exit(0);
}

module.exports = { assert, kept, once, pause, port, run, until };
