// SPDX-License-Identifier: Apache-2.0
// What the workers of pool.js run.
'use strict';
const workerpool = require('workerpool');

workerpool.worker({
  nothing: () => null,
  square: (x) => x * x,
  squares: (xs) => xs.map((x) => x * x),
  echo: (payload) => Buffer.from(payload),
  pidAfterAWhile: () => new Promise((resolve) => setTimeout(() => resolve(process.pid), 100)),
  compute: (steps) => {
    let x = 1;
    for (let i = 0; i < steps; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    return x;
  },
});
