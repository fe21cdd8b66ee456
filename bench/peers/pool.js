// SPDX-License-Identifier: Apache-2.0
// node's workerpool, with processes for workers, doing the work of the pool cases.
// usage: pool.js WORK. Prints a figure in the unit of the case.
'use strict';
const fs = require('fs');
const path = require('path');

let workerpool;
try {
  workerpool = require('workerpool');
} catch (error) {
  console.log('missing: node module workerpool');
  process.exit(0);
}

const TRIPS = 500, TASKS = 10000, NUMBERS = 1000000, CHUNKS = 8, COMPUTE_ITEMS = 16, COMPUTE_STEPS = 20000000;

const make = (workers) =>
  workerpool.pool(path.join(__dirname, 'pool_worker.js'),
    {workerType: 'process', minWorkers: workers, maxWorkers: workers, forkOpts: {serialization: 'advanced'}});
const now = () => Number(process.hrtime.bigint()) / 1e9;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function seconds(work) {
  const begin = now();
  await work();
  return now() - begin;
}

async function repeat(count, work) {
  const times = [];
  for (let i = 0; i < count; i++) times.push(await seconds(work));
  return median(times);
}

const all = (count, work) => Promise.all(Array.from({length: count}, (_, i) => work(i)));

async function warm(workers = 2) {
  const pool = make(workers);
  await all(4 * workers, () => pool.exec('pidAfterAWhile', []));
  return pool;
}

async function withPool(work) {
  const pool = await warm();
  const figure = await work(pool);
  await pool.terminate();
  return figure;
}

async function start(workers) {
  return 1e3 * await repeat(workers < 16 ? 5 : 3, async () => {
    const pool = make(workers);
    await pool.exec('nothing', []);
    await pool.terminate();
  });
}

async function exchange(pool, size, count) {
  const payload = Buffer.alloc(size);
  const took = count === 1 ? await repeat(3, () => pool.exec('echo', [payload]))
    : await seconds(() => all(count, () => pool.exec('echo', [payload])));
  return 2 * size * count / 2 ** 30 / took;
}

async function memory(pool) {
  const pids = new Set(await all(8, () => pool.exec('pidAfterAWhile', [])));
  const mib = [...pids].map((pid) => /^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'ascii'))[1] / 1024);
  return mib.reduce((a, b) => a + b) / mib.length;
}

async function speedup() {
  const pools = [await warm(1), await warm(2)];
  const ratios = [];
  for (let i = 0; i < 3; i++) {
    const times = [];
    for (const pool of pools)
      times.push(await seconds(() => all(COMPUTE_ITEMS, () => pool.exec('compute', [COMPUTE_STEPS]))));
    ratios.push(times[0] / times[1]);
  }
  for (const pool of pools) await pool.terminate();
  return median(ratios);
}

function map(pool) {
  const size = NUMBERS / CHUNKS;
  const chunks = Array.from({length: CHUNKS}, (_, c) => Float64Array.from({length: size}, (_, i) => c * size + i));
  return repeat(3, () => all(CHUNKS, (c) => pool.exec('squares', [chunks[c]])));
}

const works = {
  apply: () => withPool(async (pool) => 1e6 * await repeat(TRIPS, () => pool.exec('nothing', []))),
  async: () => withPool(async (pool) => TASKS / await seconds(() => all(TASKS, () => pool.exec('nothing', []))) / 1e6),
  map: () => withPool(async (pool) => 1e3 * await map(pool)),
  map1: () => withPool(async (pool) => TASKS / await seconds(() => all(TASKS, (i) => pool.exec('square', [i]))) / 1e6),
  '64mib': () => withPool((pool) => exchange(pool, 64 << 20, 1)),
  '1mib': () => withPool((pool) => exchange(pool, 1 << 20, 200)),
  start2: () => start(2),
  start16: () => start(16),
  memory: () => withPool(memory),
  compute: speedup,
};

works[process.argv[2]]().then((figure) => {
  console.log(figure);
  process.exit(0);
});
