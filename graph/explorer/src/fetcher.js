// Sends operations to the API.

import { getOperationAST, parse } from 'graphql';

async function post({ query, variables, operationName }, headers) {
  const sent = new Headers({
    Accept: 'application/graphql-response+json, application/json',
    'Content-Type': 'application/json',
  });
  for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'same-origin',
    headers: sent,
    body: JSON.stringify({ query, variables, operationName }),
  });
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

function isAnonymous(headers) {
  return !Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
}

/** GraphiQL's fetcher for a session; it resolves to the whole response, extensions included. */
export function fetcherFor({ signedIn }) {
  return async (operation, options) => {
    const introspects = operation.operationName === 'IntrospectionQuery';
    if (introspects && !signedIn && isAnonymous(options?.headers)) return SCHEMA_REFUSED;
    return transportFor(operation)(operation, options?.headers);
  };
}
