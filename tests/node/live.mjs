// Clients that stay connected, by WebSocket or server-sent events.

import { ApolloClient, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client, subscriptionExchange } from '@urql/core';
import { createClient as createEventClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { failure, travel } from './journey.mjs';
import { Line } from './line.mjs';
import { resuming } from './resuming.mjs';

globalThis.WebSocket ??= WebSocket; // as browsers and later versions of Node.js have it

const soon = async (times = 1) => new Promise((resolve) => setTimeout(resolve, 50 * times));

function socketClient(told, more = {}) {
  return createClient({
    url: told.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ authorization: told.tokens.shift() ?? told.token }),
    retryAttempts: 100,
    retryWait: () => soon(),
    shouldRetry: () => true, // also when the server cannot be reached for a while
    ...more,
  });
}

function eventClient(told, more = {}) {
  return createEventClient({
    url: told.url,
    headers: () => ({ authorization: told.tokens.shift() ?? told.token }),
    retryAttempts: 100,
    retry: () => soon(),
    ...more,
  });
}

/** What an operation with one result is answered. */
async function answer(client, request) {
  return new Promise((resolve, reject) => {
    let result;
    const next = (value) => (result = value);
    client.subscribe(request, { next, error: reject, complete: () => resolve(result) });
  });
}

/** Each follows a subscription: `next` is told each event, `error` why it ends. */
const FOLLOWING = {
  'graphql-ws': (told, { query, variables }, { next, error }) => {
    const sink = { next: ({ data, errors }) => (errors ? error(errors) : next(data)), error };
    resuming(socketClient(told)).subscribe({ query, variables }, { ...sink, complete() {} });
  },
  'graphql-sse': (told, { query, variables }, { next, error }) => {
    let after;
    const headers = () => ({
      authorization: told.tokens.shift() ?? told.token,
      ...(after && { 'last-event-id': after }),
    });
    const sink = {
      next({ data, errors }) {
        if (errors) return error(errors);
        after = Object.values(data)[0].cursor;
        return next(data);
      },
      error,
      complete() {},
    };
    eventClient(told, { headers }).subscribe({ query, variables }, sink);
  },
  '@apollo/client': (told, { query, variables }, { next, error }) => {
    const link = new GraphQLWsLink(resuming(socketClient(told)));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const followed = client.subscribe({ query: gql(query), variables });
    followed.subscribe({ next: (result) => (result.error ? error(result.error) : next(result.data)) });
  },
  '@urql/core': (told, { query, variables }, { next, error }) => {
    const socket = resuming(socketClient(told));
    const forward = (request) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }),
    });
    const client = new Client({
      url: told.url,
      exchanges: [subscriptionExchange({ forwardSubscription: forward })],
    });
    const followed = client.subscription(query, variables);
    followed.subscribe((result) => (result.error ? error(result.error) : next(result.data)));
  },
};

/** Follow the subscription: its events, and a promise that there are so many. */
function follow(told) {
  const events = [];
  let wake = () => {};
  const failed = new Promise((_, reject) => {
    const next = (data) => {
      events.push(Object.values(data)[0]);
      wake();
    };
    FOLLOWING[told.client](told, told.subscription, { next, error: reject });
  });
  const has = async (count) => {
    while (events.length < count) {
      await Promise.race([new Promise((resolve) => (wake = resolve)), failed]);
    }
  };
  return { events, has };
}

async function edit(told, request) {
  const response = await fetch(told.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: told.token },
    body: JSON.stringify(request),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

await travel({
  /** A query, and a mutation under a key that is sent twice. */
  async operations(told) {
    const client = { 'graphql-ws': socketClient, 'graphql-sse': eventClient }[told.client](told);
    const seen = { query: await answer(client, told.query) };
    seen.once = await answer(client, told.mutation);
    seen.twice = await answer(client, told.mutation);
    return seen;
  },

  /** Who shows a token that is none, and who speaks the older protocol. */
  async refused(told) {
    const client = socketClient({ ...told, token: 'Bearer nobody' }, { shouldRetry: () => false });
    const closed = await failure(answer(client, told.query));
    const older = new WebSocket(told.url.replace('http', 'ws'), 'graphql-ws');
    const code = await new Promise((resolve) => older.on('close', resolve));
    const events = eventClient({ ...told, token: 'Bearer nobody' }, { retryAttempts: 0 });
    const answered = await failure(answer(events, told.query));
    return { closed: closed.code, older: code, status: answered.response.status };
  },

  /** A subscription for which there was no room twice, and then there was. */
  async busy() {
    const asked = [];
    const busy = { extensions: { code: 'BUSY', retryable: true, retryAfter: 0.01 } };
    const client = {
      subscribe({ variables }, sink) {
        asked.push(variables.after ?? null);
        const event = { cursor: `cursor ${asked.length}` };
        setTimeout(() => {
          if (asked.length === 3) sink.next({ data: { documentChanged: event } });
          if (asked.length < 5) sink.error([busy]);
          else sink.error([{ extensions: { code: 'NOT_FOUND', retryable: false } }]);
        });
        return () => {};
      },
    };
    const error = await new Promise((resolve) => {
      resuming(client).subscribe({ query: '', variables: {} }, { next() {}, error: resolve });
    });
    return { asked, code: error[0].extensions.code };
  },

  /** Operations all at once, beside a subscription that is still told of what happens then. */
  async burst(told) {
    const closed = [];
    const client = socketClient(told, { on: { closed: ({ code }) => closed.push(code) } });
    const events = [];
    let hear;
    const heard = new Promise((resolve) => (hear = resolve));
    client.subscribe(told.subscription, {
      next: ({ data }) => events.push(Object.values(data)[0]) > 1 && hear(),
      error: hear,
      complete() {},
    });
    const many = Array.from({ length: told.count }, () => answer(client, told.query));
    const answers = await Promise.allSettled(many);
    await edit(told, told.edits[0]);
    await heard;
    const answered = answers.filter(({ value }) => value?.data.viewer).length;
    return { answered, closed, kinds: events.map(({ kind }) => kind) };
  },

  /** Events are told once each, in their order, though the line is cut between them. */
  async cut(told) {
    const line = await Line.to(told.url);
    const { events, has } = follow({ ...told, url: line.url });
    const [first, second, third, last] = told.edits;
    await has(1); // it says where the stream stands
    await edit(told, first);
    await has(2);
    await line.cut();
    await edit(told, second);
    await edit(told, third);
    await soon(4); // it tries in vain
    await line.mend();
    await has(5);
    await edit(told, last);
    await has(6);
    return { events };
  },

  /** They go on when the token has expired, and a fresh one is shown. */
  async expired(told) {
    const { events, has } = follow(told);
    const [first, last] = told.edits;
    await has(1);
    await edit(told, first);
    while (events.filter(({ kind }) => kind === 'READY').length < 2) await has(events.length + 1);
    await edit(told, last);
    await has(4);
    return { events };
  },
});
