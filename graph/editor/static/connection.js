// A client of the protocol graphql-transport-ws whose subscriptions go on where they were.
//
// The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

const PROTOCOL = 'graphql-transport-ws';
const HEARTBEAT = 10_000; // milliseconds between two pings; a peer that is silent between them is gone
const PATIENCE = 10_000; // for a connection to be acknowledged
const FIRST_WAIT = 300;
const LONGEST_WAIT = 15_000;
const FINAL = new Set([1009, 4400, 4406, 4409]); // this client is at fault, and would be again
const NOT_VALID = 4403;

/** Thrown by `connectionParams` when nobody is signed in. */
export class SignedOut extends Error {}

/**
 * One WebSocket, opened again whenever it is lost, and the subscriptions that it carries.
 *
 * `connectionParams` is asked before each attempt, so a token that has expired (4401) is followed by
 * a fresh one: `async () => ({ authorization: `Bearer ${await freshToken()}` })`. `onState` is told
 * `connecting`, `open`, `lost`, `signed-out` (waits for `retry`) and `refused` (never tries again).
 */
export class Connection {
  #url;
  #connectionParams;
  #onState;
  #socket = null;
  #subscriptions = new Map();
  #number = 0;
  #attempt = 0;
  #failures = 0;
  #timer;
  #heartbeat;
  #heard = false;
  state = 'new';

  constructor(url, { connectionParams = async () => ({}), onState = () => {} } = {}) {
    this.#url = url;
    this.#connectionParams = connectionParams;
    this.#onState = onState;
    addEventListener('online', () => this.retry());
    addEventListener('offline', () => this.#lose());
  }

  /**
   * Follow a subscription; call what this gives to stop. The sink has `next(data)` and `error(errors)`.
   *
   * One that selects `cursor` and has a variable `$after: String` is told each event once, however
   * often the connection is lost: the last cursor is given back when it is opened again.
   */
  subscribe(query, variables, sink) {
    const id = String(++this.#number);
    this.#subscriptions.set(id, { query, variables: { ...variables }, sink });
    if (this.state === 'new') this.retry();
    else if (this.state === 'open') this.#begin(id);
    return () => {
      if (this.#subscriptions.delete(id) && this.state === 'open') this.#send('complete', { id });
    };
  }

  /** Try now, whatever it was waiting for. */
  retry() {
    if (this.state === 'open' || this.state === 'connecting' || this.state === 'refused') return;
    this.#connect();
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(), PATIENCE);
    this.#tell('connecting');
    const attempt = ++this.#attempt;
    let payload, failure;
    try {
      payload = await this.#connectionParams();
    } catch (error) {
      failure = error;
    }
    if (attempt !== this.#attempt) return; // it was given up meanwhile
    if (failure) return this.#lose(failure instanceof SignedOut ? NOT_VALID : undefined);
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#send('connection_init', { payload });
    socket.onmessage = ({ data }) => socket === this.#socket && this.#hear(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.#socket && this.#lose(code);
  }

  #hear({ type, id, payload }) {
    this.#heard = true;
    const subscription = this.#subscriptions.get(id);
    if (type === 'connection_ack') {
      clearTimeout(this.#timer);
      this.#tell('open');
      this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT);
      for (const each of this.#subscriptions.keys()) this.#begin(each);
    } else if (type === 'ping') {
      this.#send('pong');
    } else if (type === 'next' && subscription) {
      this.#failures = 0;
      const event = Object.values(payload.data ?? {})[0];
      if (event?.cursor) subscription.variables.after = event.cursor;
      if (payload.errors) console.warn('Told in part', payload.errors);
      if (event) subscription.sink.next(event);
    } else if (type === 'error' && subscription) {
      if (payload.every(({ extensions }) => extensions?.retryable)) this.#later(id, payload);
      else if (this.#subscriptions.delete(id)) subscription.sink.error(payload);
    } else if (type === 'complete') {
      this.#subscriptions.delete(id);
    }
  }

  #begin(id) {
    const subscription = this.#subscriptions.get(id);
    if (!subscription || this.state !== 'open') return;
    const { query, variables } = subscription;
    this.#send('subscribe', { id, payload: { query, variables } });
  }

  /** The gateway has no room for a subscription now: ask again, without a new connection. */
  #later(id, errors) {
    const asked = Math.max(...errors.map(({ extensions }) => extensions.retryAfter ?? 0)) * 1000;
    setTimeout(() => this.#begin(id), Math.max(asked, this.#wait()));
  }

  #send(type, members = {}) {
    this.#socket.send(JSON.stringify({ type, ...members }));
  }

  #beat() {
    if (!this.#heard) return this.#lose();
    this.#heard = false;
    this.#send('ping');
  }

  #lose(code) {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    this.#attempt++;
    const socket = this.#socket;
    this.#socket = null; // nothing that it may still say is heard
    socket?.close();
    if (FINAL.has(code)) return this.#tell('refused');
    if (code === NOT_VALID) return this.#tell('signed-out');
    this.#tell('lost');
    this.#timer = setTimeout(() => this.retry(), this.#wait());
  }

  /** Longer each time, and partly left to chance: thousands come back when a node restarts. */
  #wait() {
    const wait = Math.min(FIRST_WAIT * 2 ** this.#failures++, LONGEST_WAIT);
    return wait * (0.5 + Math.random() / 2);
  }

  #tell(state) {
    if (state !== this.state) this.#onState((this.state = state));
  }
}
