// Journeys of an application that is built on openid-client, whose calls are whole steps:
// node openid-client.mjs <journey> <what it is told>.

import * as client from 'openid-client';

import { failure, travel, visit } from './journey.mjs';

async function configured({ issuer, clientId, secret }) {
  const proof = secret ? client.ClientSecretBasic(secret) : client.None();
  // The gateway under test is on this machine, without TLS.
  const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };
  return client.discovery(new URL(issuer), clientId, undefined, proof, options);
}

async function ask(config, { api }, token, query) {
  const headers = new Headers({ 'content-type': 'application/json' });
  const body = JSON.stringify({ query });
  const answer = await client.fetchProtectedResource(
    config, token, new URL(api), 'POST', body, headers,
  );
  return (await answer.json()).data;
}

async function whoIs(config, told, token) {
  const { viewer } = await ask(config, told, token, '{ viewer { profile { email } } }');
  return viewer?.profile.email ?? null;
}

async function question(config, told) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: told.redirectUri,
    scope: told.scope,
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  return { address, checks: { pkceCodeVerifier, expectedState } };
}

await travel({
  /** Discovery, a code with PKCE, the API, a refresh, and everything given back. */
  async person(told) {
    const config = await configured(told);
    const { address, checks } = await question(config, told);
    const callback = await visit(address);
    const first = await client.authorizationCodeGrant(config, callback, checks);
    const email = await whoIs(config, told, first.access_token);
    const second = await client.refreshTokenGrant(config, first.refresh_token);
    const again = await whoIs(config, told, second.access_token);
    const twice = await failure(client.authorizationCodeGrant(config, callback, checks));
    const gone = await failure(whoIs(config, told, second.access_token));
    return {
      email, again, scope: first.scope, expiresIn: first.expiresIn(),
      twice: twice.error, gone: gone.cause[0].parameters.error,
    };
  },

  /** An application that gives its tokens back. */
  async revocation(told) {
    const config = await configured(told);
    const { address, checks } = await question(config, told);
    const tokens = await client.authorizationCodeGrant(config, await visit(address), checks);
    await client.tokenRevocation(config, tokens.refresh_token);
    const gone = await failure(whoIs(config, told, tokens.access_token));
    const late = await failure(client.refreshTokenGrant(config, tokens.refresh_token));
    return { gone: gone.cause[0].parameters.error, late: late.error };
  },

  /** An application that acts for itself, and asks what its token is. */
  async machine(told) {
    const config = await configured(told);
    const tokens = await client.clientCredentialsGrant(config, { scope: told.scope });
    const active = await client.tokenIntrospection(config, tokens.access_token);
    return { email: await whoIs(config, told, tokens.access_token), active };
  },

  /** An answer that belongs to another request, and one that another server has made. */
  async tampered(told) {
    const config = await configured(told);
    const { address, checks } = await question(config, told);
    const callback = await visit(address);
    const attempt = (address, changed) =>
      failure(client.authorizationCodeGrant(config, address, { ...checks, ...changed }));
    const foreign = new URL(callback);
    foreign.searchParams.set('iss', 'https://other.example');
    const state = await attempt(callback, { expectedState: client.randomState() });
    const iss = await attempt(foreign, {});
    const verifier = await attempt(callback, {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
    });
    return { state: state.code, iss: iss.code, verifier: verifier.error };
  },
});
