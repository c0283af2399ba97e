// Queries and mutations over HTTP, and who is signed in.
//
// The browser adds its session cookie, which no script can read. An application of another origin
// sends `Authorization: Bearer ...` in its place.

import { SignedOut } from './connection.js';

const UNAVAILABLE = new Set([502, 503, 504]);

/** What was not done: `code` as the API calls it, `retryable` when the same may be sent again. */
export class Failure extends Error {
  constructor(message, { code = 'UNREACHABLE', retryable = true, ...extensions } = {}) {
    super(message);
    Object.assign(this, { code, retryable, extensions });
  }
}

/**
 * The data of an operation. Throws the Failure of the first error.
 *
 * A mutation with a `key`, a UUID, is done once, however often it is sent; subscriptions tell the
 * key as the `correlationId` of what it has changed.
 */
export async function ask(query, variables, key) {
  const body = { query, variables };
  if (key) body.extensions = { idempotencyKey: key, correlationId: key };
  let response, answer;
  try {
    response = await fetch('/graphql', {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/graphql-response+json',
      },
      body: JSON.stringify(body),
    });
    answer = await response.json();
  } catch {
    // No answer, or half of one, or that of a proxy in between: what was asked may have been done.
    throw new Failure('The gateway cannot be reached.');
  }
  const [error] = answer.errors ?? [];
  if (error) throw new Failure(error.message, error.extensions);
  if (UNAVAILABLE.has(response.status)) throw new Failure('The gateway cannot answer now.');
  return answer.data;
}

/**
 * Each page of a list in turn, its nodes; `listIn(data)` is the connection, of which the query takes
 * `$after` and selects `pageInfo { hasNextPage endCursor }`. A list that may not be read has no page.
 */
export async function* pages(query, variables, listIn) {
  for (let after = null; ; ) {
    const list = listIn(await ask(query, { ...variables, after }));
    if (!list) return;
    yield list.nodes;
    if (!list.pageInfo.hasNextPage) return;
    after = list.pageInfo.endCursor;
  }
}

/** Every node of a list, of all its pages. */
export async function all(query, variables, listIn) {
  const nodes = [];
  for await (const page of pages(query, variables, listIn)) nodes.push(...page);
  return nodes;
}

/** The address of whoever is signed in to this browser. Throws SignedOut when nobody is. */
export async function signedIn() {
  const response = await fetch('/session', { credentials: 'same-origin' });
  if (!response.ok) throw new Failure('The gateway cannot answer now.');
  const { signedIn, email } = await response.json();
  if (!signedIn) throw new SignedOut();
  return email;
}
