// Journeys of an application that is built on oauth4webapi, which checks every answer by the
// standards itself: node oauth4webapi.mjs <journey> <what it is told>.

import * as oauth from 'oauth4webapi';

import { failure, travel, visit } from './journey.mjs';

// The gateway under test is on this machine, without TLS.
const plain = { [oauth.allowInsecureRequests]: true };

/** The API's own authorization server, found from nothing but the address of the API. */
async function discovered(api) {
  const named = await oauth.resourceDiscoveryRequest(new URL(api), plain);
  const resource = await oauth.processResourceDiscoveryResponse(new URL(api), named);
  return serverOf(new URL(resource.authorization_servers[0]));
}

async function serverOf(issuer) {
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain });
  return oauth.processDiscoveryResponse(issuer, answer);
}

function proofOf({ secret, method }) {
  if (!secret) return oauth.None();
  return method === 'post' ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}

async function ask(api, token, query, options = plain) {
  const headers = new Headers({ 'content-type': 'application/json' });
  const body = JSON.stringify({ query });
  return oauth.protectedResourceRequest(token, 'POST', new URL(api), headers, body, options);
}

async function whoIs(api, token, options = plain) {
  const answer = await ask(api, token, '{ viewer { profile { email } } }', options);
  return (await answer.json()).data.viewer?.profile.email ?? null;
}

/** The parameters of the API's challenge to this token. */
async function challengeTo(api, token, query = '{ viewer { profile { email } } }') {
  const { cause } = await failure(ask(api, token, query));
  return cause[0].parameters;
}

async function question(as, told) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: told.clientId,
    redirect_uri: told.redirectUri,
    response_type: 'code',
    scope: told.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  return { address, verifier, state };
}

async function redeem(as, client, told, callback, verifier, options = plain) {
  const proof = proofOf(told);
  const { redirectUri } = told;
  const answer = await oauth.authorizationCodeGrantRequest(
    as, client, proof, callback, redirectUri, verifier, options,
  );
  return oauth.processAuthorizationCodeResponse(as, client, answer);
}

async function refresh(as, client, told, token, options = plain) {
  const proof = proofOf(told);
  const answer = await oauth.refreshTokenGrantRequest(as, client, proof, token, options);
  return oauth.processRefreshTokenResponse(as, client, answer);
}

async function revoke(as, client, told, token) {
  const answer = await oauth.revocationRequest(as, client, proofOf(told), token, plain);
  await oauth.processRevocationResponse(answer);
}

async function introspect(as, client, told, token) {
  const answer = await oauth.introspectionRequest(as, client, proofOf(told), token, plain);
  return oauth.processIntrospectionResponse(as, client, answer);
}

/** What comes of it, at the second attempt when the first brings a nonce; and how many it took. */
async function withNonce(work) {
  try {
    return { result: await work(), attempts: 1 };
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return { result: await work(), attempts: 2 };
  }
}

await travel({
  /** Discovery, a code with PKCE, the API, a refresh, and everything given back. */
  async person(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const { address, verifier, state } = await question(as, told);
    const callback = oauth.validateAuthResponse(as, client, await visit(address), state);
    const first = await redeem(as, client, told, callback, verifier);
    const email = await whoIs(told.api, first.access_token);
    const second = await refresh(as, client, told, first.refresh_token);
    const again = await whoIs(told.api, second.access_token);
    const missing = await challengeTo(told.api, second.access_token, told.forbidden);
    await revoke(as, client, told, second.refresh_token);
    const over = await challengeTo(told.api, second.access_token);
    const late = await failure(refresh(as, client, told, second.refresh_token));
    return { email, again, scope: first.scope, missing, over, late: late.error };
  },

  /** What an application that can prove itself learns about its tokens. */
  async introspection(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const { address, verifier, state } = await question(as, told);
    const callback = oauth.validateAuthResponse(as, client, await visit(address), state);
    const tokens = await redeem(as, client, told, callback, verifier);
    const before = await introspect(as, client, told, tokens.access_token);
    await revoke(as, client, told, tokens.access_token);
    const after = await introspect(as, client, told, tokens.access_token);
    const twice = await failure(redeem(as, client, told, callback, verifier));
    return { before, after, twice: twice.error };
  },

  /** An application that acts for itself. */
  async machine(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const answer = await oauth.clientCredentialsGrantRequest(
      as, client, proofOf(told), { scope: told.scope }, plain,
    );
    const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
    const wrong = { ...told, secret: `${told.secret}x` };
    const refused = await failure(introspect(as, client, wrong, tokens.access_token));
    return {
      scope: tokens.scope,
      email: await whoIs(told.api, tokens.access_token),
      refused: refused.cause[0].scheme,
    };
  },

  /** Answers that somebody has tampered with, which the library must be able to notice. */
  async tampered(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const { address, verifier, state } = await question(as, told);
    const callback = await visit(address);
    const changed = (change) => {
      const other = new URL(callback);
      change(other.searchParams);
      return failure(() => oauth.validateAuthResponse(as, client, other, state));
    };
    const refusals = [
      await changed((query) => query.set('state', oauth.generateRandomState())),
      await changed((query) => query.delete('state')),
      await changed((query) => query.set('iss', 'https://other.example')),
      await changed((query) => query.delete('iss')),
    ];
    const good = oauth.validateAuthResponse(as, client, callback, state);
    const stolen = await failure(
      redeem(as, client, told, good, oauth.generateRandomCodeVerifier()),
    );
    const elsewhere = new URL(as.issuer);
    elsewhere.hostname = 'localhost'; // the same server by a name that it does not go by
    const impostor = await failure(serverOf(elsewhere));
    const { access_token: token } = await redeem(as, client, told, good, verifier);
    return {
      refusals: refusals.map(({ message }) => message),
      stolen: stolen.error,
      impostor: impostor.code,
      email: await whoIs(told.api, token),
    };
  },

  /** Tokens that are bound to a key, of an application whose clock may be wrong. */
  async bound(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId, [oauth.clockSkew]: told.skew };
    const options = { ...plain, DPoP: oauth.DPoP(client, await oauth.generateKeyPair(told.alg)) };
    const { address, verifier, state } = await question(as, told);
    address.searchParams.set('dpop_jkt', await options.DPoP.calculateThumbprint());
    const callback = oauth.validateAuthResponse(as, client, await visit(address), state);
    const { result: first, attempts } = await withNonce(
      () => redeem(as, client, told, callback, verifier, options),
    );
    const asked = await withNonce(() => whoIs(told.api, first.access_token, options));
    const unbound = await failure(refresh(as, client, told, first.refresh_token));
    const second = await refresh(as, client, told, first.refresh_token, options);
    const again = await whoIs(told.api, second.access_token, options);
    const stolen = await failure(ask(told.api, second.access_token, '{ __typename }'));
    return {
      type: first.token_type,
      attempts: [attempts, asked.attempts],
      email: asked.result,
      again,
      unbound: unbound.error,
      stolen: stolen.cause[0],
    };
  },

  /** A request that is pushed, so that the browser carries nothing but its name. */
  async pushed(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const { address, verifier, state } = await question(as, told);
    const push = async (secret, parameters) => {
      const proof = proofOf({ ...told, secret });
      const answer = await oauth.pushedAuthorizationRequest(as, client, proof, parameters, plain);
      return oauth.processPushedAuthorizationResponse(as, client, answer);
    };
    const named = await push(told.secret, address.searchParams);
    const wrong = told.secret && await failure(push(`${told.secret}x`, address.searchParams));
    const implicit = new URLSearchParams(address.searchParams);
    implicit.set('response_type', 'token');
    const refused = await failure(push(told.secret, implicit));
    const short = new URL(as.authorization_endpoint);
    short.search = new URLSearchParams({
      client_id: told.clientId, request_uri: named.request_uri,
    });
    const callback = oauth.validateAuthResponse(as, client, await visit(short), state);
    const tokens = await redeem(as, client, told, callback, verifier);
    return {
      expiresIn: named.expires_in,
      wrong: wrong && wrong.cause[0].scheme,
      refused: refused.error,
      email: await whoIs(told.api, tokens.access_token),
    };
  },

  /** A device without a browser, which asks too early and too often. */
  async device(told) {
    const as = await discovered(told.api);
    const client = { client_id: told.clientId };
    const proof = proofOf(told);
    const asked = await oauth.deviceAuthorizationRequest(
      as, client, proof, { scope: told.scope }, plain,
    );
    const codes = await oauth.processDeviceAuthorizationResponse(as, client, asked);
    const poll = async () => {
      const answer = await oauth.deviceCodeGrantRequest(
        as, client, proof, codes.device_code, plain,
      );
      return oauth.processDeviceCodeResponse(as, client, answer);
    };
    const early = [(await failure(poll())).error, (await failure(poll())).error];
    await visit(codes.verification_uri_complete);
    const tokens = await poll();
    const email = await whoIs(told.api, tokens.access_token);
    const second = await refresh(as, client, told, tokens.refresh_token);
    const again = await whoIs(told.api, second.access_token);
    const twice = await failure(poll());
    const over = await challengeTo(told.api, second.access_token);
    return { early, email, again, twice: twice.error, over: over.error };
  },

  /** An application that registers itself, and then does what any other does. */
  async registered(told) {
    const as = await discovered(told.api);
    const register = async (change) => {
      const metadata = {
        client_name: 'Canvas',
        redirect_uris: [told.redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: told.method,
        scope: told.scope,
        ...change,
      };
      const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, plain);
      return oauth.processDynamicClientRegistrationResponse(answer);
    };
    const refusals = [
      await failure(register({ redirect_uris: ['http://planner.example/callback'] })),
      await failure(register({ grant_types: ['password'] })),
    ];
    const client = await register({});
    const own = { ...told, clientId: client.client_id, secret: client.client_secret };
    if (told.method === 'client_secret_post') own.method = 'post';
    const { address, verifier, state } = await question(as, own);
    const callback = oauth.validateAuthResponse(as, client, await visit(address), state);
    const tokens = await redeem(as, client, own, callback, verifier);
    const email = await whoIs(told.api, tokens.access_token);
    await fetch(client.registration_client_uri, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${client.registration_access_token}` },
    });
    const over = await challengeTo(told.api, tokens.access_token);
    const late = await failure(refresh(as, client, own, tokens.refresh_token));
    return {
      refusals: refusals.map(({ error }) => error),
      secret: 'client_secret' in client,
      method: client.token_endpoint_auth_method,
      email,
      over: over.error,
      late: late.status,
    };
  },

  /** Somebody who says no. */
  async denied(told) {
    const as = await discovered(told.api);
    const { address, state } = await question(as, told);
    const callback = await visit(address);
    const client = { client_id: told.clientId };
    const refusal = await failure(() => oauth.validateAuthResponse(as, client, callback, state));
    return { error: refusal.error };
  },
});
