// OAuth 2.0 as an application of the gateway's own: a code with PKCE, and the tokens it gives.
//
// Tokens stay in the memory of the page. What a tab keeps while people sign in is the verifier and
// the state of its one request.

import * as oauth from 'oauth4webapi';

const CALLBACK = '/explorer/callback';
const HOME = '/explorer';
const KEPT = 'explorer:request';
const MARGIN = 60;

/** The gateway as an authorization server, and this page as its application. */
export class Authorization {
  #issuer;
  #client;
  #options;
  #server;

  constructor(issuer, clientId) {
    this.#issuer = new URL(issuer);
    this.#client = { client_id: clientId };
    this.#options = { [oauth.allowInsecureRequests]: this.#issuer.protocol === 'http:' };
  }

  /** Whether this page stands where its gateway says to be; elsewhere no answer would arrive. */
  get isHere() {
    return location.origin === this.#issuer.origin;
  }

  /** The explorer at the gateway's own address. */
  get home() {
    return this.#issuer.origin + HOME;
  }

  /** Leave for the page where people sign in; what `received` gives is there on return. */
  async begin(scope) {
    const { address, ...request } = await this.#request(scope);
    sessionStorage.setItem(KEPT, JSON.stringify(request));
    location.assign(address);
  }

  /** The grant that this page's address brings along; null without one. */
  async received() {
    if (location.pathname !== CALLBACK) return null;
    const answer = new URL(location.href);
    const request = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
    history.replaceState(null, '', HOME);
    return request && this.#redeem(answer, request);
  }

  /** A grant of whoever is signed in to the gateway in this browser; no page is shown. */
  async silently(scope) {
    const { address, ...request } = await this.#request(scope, { prompt: 'none' });
    const answer = await fetch(address, { credentials: 'same-origin' });
    return this.#redeem(new URL(answer.url), request);
  }

  async #request(scope, further) {
    const { authorization_endpoint: endpoint } = await this.#discovered();
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const address = new URL(endpoint);
    address.search = new URLSearchParams({
      response_type: 'code',
      ...this.#client,
      redirect_uri: this.#callback,
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...further,
    });
    return { address, verifier, state };
  }

  async #redeem(answer, { verifier, state }) {
    const server = await this.#discovered();
    const parameters = oauth.validateAuthResponse(server, this.#client, answer, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      this.#client,
      oauth.None(),
      parameters,
      this.#callback,
      verifier,
      this.#options,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, this.#client, response);
    return new Grant(server, this.#client, this.#options, tokens);
  }

  async #discovered() {
    this.#server ??= oauth
      .discoveryRequest(this.#issuer, { algorithm: 'oauth2', ...this.#options })
      .then((response) => oauth.processDiscoveryResponse(this.#issuer, response));
    return this.#server;
  }

  get #callback() {
    return this.#issuer.origin + CALLBACK;
  }
}

/** What somebody has granted: the token of the moment, and the one that gives the next. */
export class Grant {
  #server;
  #client;
  #options;
  #tokens;
  #renewAt;
  #timer;
  #renewing = null;

  constructor(server, client, options, tokens) {
    this.#server = server;
    this.#client = client;
    this.#options = options;
    this.#keep(tokens);
  }

  /** The scopes that were granted, separated by spaces. */
  get scope() {
    return this.#tokens.scope;
  }

  /** An access token that is good for a while yet. */
  async token() {
    if (Date.now() >= this.#renewAt) await this.renew();
    return this.#tokens.access_token;
  }

  /** Exchange the tokens for the next; once, however many ask for it at the same time. */
  renew() {
    this.#renewing ??= this.#refresh().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Give the tokens back. */
  async revoke() {
    clearTimeout(this.#timer);
    const response = await oauth.revocationRequest(
      this.#server,
      this.#client,
      oauth.None(),
      this.#tokens.refresh_token,
      this.#options,
    );
    await oauth.processRevocationResponse(response);
  }

  /** Give the tokens back while the page goes, when nobody can wait for the answer. */
  abandon() {
    clearTimeout(this.#timer);
    const form = new URLSearchParams({ token: this.#tokens.refresh_token, ...this.#client });
    navigator.sendBeacon(this.#server.revocation_endpoint, form);
  }

  async #refresh() {
    const response = await oauth.refreshTokenGrantRequest(
      this.#server,
      this.#client,
      oauth.None(),
      this.#tokens.refresh_token,
      this.#options,
    );
    this.#keep(await oauth.processRefreshTokenResponse(this.#server, this.#client, response));
  }

  #keep(tokens) {
    this.#tokens = tokens;
    const seconds = Math.max(tokens.expires_in - MARGIN, tokens.expires_in / 2);
    this.#renewAt = Date.now() + seconds * 1000;
    clearTimeout(this.#timer);
    // Whoever asks for a token next learns what went wrong.
    this.#timer = setTimeout(() => this.renew().catch(() => {}), seconds * 1000);
  }
}
