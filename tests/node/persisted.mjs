// Clients that send the hash of a query, and its text when they are asked for it.

import { createHash } from 'node:crypto';

import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

import { travel } from './journey.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

travel({
  /** How many requests each of three equal queries has taken, and what they were answered. */
  async apollo({ url, token, query, byGet }) {
    let requests = 0;
    const http = new HttpLink({
      uri: url,
      headers: { authorization: token },
      fetch: async (...request) => {
        requests += 1;
        return fetch(...request);
      },
    });
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet });
    const client = new ApolloClient({ cache: new InMemoryCache(), link: persisted.concat(http) });
    const seen = { requests: [], answers: [] };
    for (let i = 0; i < 3; i += 1) {
      requests = 0;
      const { data } = await client.query({ query: gql(query), fetchPolicy: 'no-cache' });
      seen.requests.push(requests);
      seen.answers.push(data);
    }
    return seen;
  },
});
