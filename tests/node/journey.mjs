// A journey is a program that a test starts: it is told what to use, has somebody's browser visit
// addresses, and tells what it has seen, each as one line of JSON.

import { createInterface } from 'node:readline/promises';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(words) {
  process.stdout.write(`${JSON.stringify(words)}\n`);
}

/** Where the browser ends up when somebody opens this address, signs in and allows all. */
export async function visit(address) {
  say({ visit: String(address) });
  const { value } = await lines.next();
  return new URL(value);
}

/** The error that a promise, or a function, fails with. */
export async function failure(attempt) {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    return error;
  }
  throw new Error('It was to fail, and did not.');
}

/** Run the journey that the command line names, with what it tells. */
export async function travel(journeys) {
  const [name, told] = process.argv.slice(2);
  say({ seen: await journeys[name](JSON.parse(told)) });
  process.exit(0); // without waiting for connections that are kept alive
}
