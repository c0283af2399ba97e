// Sends operations to the API.

import { getOperationAST, parse } from 'graphql';

const UNAUTHENTICATED = 401;

function isSigned(headers) {
  return Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
}

/** Send an operation with a token, and with no cookie: it does what the token's scopes allow. */
async function send({ query, variables, operationName }, headers, token) {
  const sent = new Headers({
    Accept: 'application/graphql-response+json, application/json',
    'Content-Type': 'application/json',
  });
  if (token) sent.set('Authorization', `Bearer ${token}`);
  for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
  return fetch('/graphql', {
    method: 'POST',
    credentials: 'omit',
    headers: sent,
    body: JSON.stringify({ query, variables, operationName }),
  });
}

async function post(operation, headers, session) {
  const token = isSigned(headers) ? null : await session.token();
  let response = await send(operation, headers, token);
  if (response.status === UNAUTHENTICATED && token) {
    const another = await session.anotherToken();
    if (another) response = await send(operation, headers, another);
  }
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${text.slice(0, 500)}`);
  }
}

const transports = { query: post, mutation: post, subscription: post };

/**
 * Chooses the transport by the operation's kind.
 *
 * The text is parsed here because the document GraphiQL passes along lags behind it.
 */
function transportFor({ query, operationName }) {
  try {
    return transports[getOperationAST(parse(query), operationName)?.operation] ?? post;
  } catch {
    return post; // the server explains a syntax error
  }
}

// The server shows the schema to those it knows. Asking all the same would put an error into the
// console of everybody who has yet to sign in.
const SCHEMA_REFUSED = {
  data: null,
  errors: [
    {
      message:
        'Sign in to see the schema, or give an Authorization header in the Headers tab and fetch it again.',
      extensions: { code: 'UNAUTHENTICATED' },
    },
  ],
};

/** GraphiQL's fetcher for a session; it resolves to the whole response, extensions included. */
export function fetcherFor(session) {
  return async (operation, options) => {
    const headers = options?.headers;
    const introspects = operation.operationName === 'IntrospectionQuery';
    if (introspects && !isSigned(headers) && !session.read()?.signedIn) return SCHEMA_REFUSED;
    return transportFor(operation)(operation, headers, session);
  };
}
