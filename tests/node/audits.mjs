// Runs the audits of graphql-http against a server: node audits.mjs <url> [authorization].
// Prints one JSON array: the id, the name and the status of each audit, and why it is not ok.
import { auditServer } from 'graphql-http';

const [url, authorization] = process.argv.slice(2);

async function fetchFn(target, options = {}) {
  const headers = { ...options.headers, ...(authorization && { authorization }) };
  return fetch(target, { ...options, headers });
}

const results = await auditServer({ url, fetchFn });
const rows = results.map(({ id, name, status, reason }) => ({ id, name, status, reason }));
process.stdout.write(JSON.stringify(rows));
process.exit(0); // without waiting for connections that are kept alive
