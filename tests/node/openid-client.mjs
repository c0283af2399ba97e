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

async function ask(config, { api }, token, query, options) {
  const headers = new Headers({ 'content-type': 'application/json' });
  const body = JSON.stringify({ query });
  const answer = await client.fetchProtectedResource(
    config, token, new URL(api), 'POST', body, headers, options,
  );
  return (await answer.json()).data;
}

async function whoIs(config, told, token, options) {
  const { viewer } = await ask(config, told, token, '{ viewer { profile { email } } }', options);
  return viewer?.profile.email ?? null;
}

async function request(told) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const parameters = {
    redirect_uri: told.redirectUri,
    scope: told.scope,
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  };
  return { parameters, checks: { pkceCodeVerifier, expectedState } };
}

async function question(config, told) {
  const { parameters, checks } = await request(told);
  return { address: client.buildAuthorizationUrl(config, parameters), checks };
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

  /** A pushed request whose code, and all tokens of it, are bound to a key. */
  async pushed(told) {
    const config = await configured(told);
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(told.alg));
    const { parameters, checks } = await request(told);
    const address = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    const callback = await visit(address);
    const unbound = await failure(client.authorizationCodeGrant(config, callback, checks));
    const first = await client.authorizationCodeGrant(
      config, callback, checks, undefined, { DPoP },
    );
    const email = await whoIs(config, told, first.access_token, { DPoP });
    const second = await client.refreshTokenGrant(
      config, first.refresh_token, undefined, { DPoP },
    );
    const again = await whoIs(config, told, second.access_token, { DPoP });
    const stolen = await failure(whoIs(config, told, second.access_token));
    return {
      carried: [...address.searchParams.keys()].sort(),
      unbound: unbound.error, type: second.token_type, email, again,
      stolen: stolen.cause[0].parameters.error,
    };
  },

  /** A device without a browser, whose user allows it or says no. */
  async device(told) {
    const config = await configured(told);
    const codes = await client.initiateDeviceAuthorization(config, { scope: told.scope });
    await visit(codes.verification_uri_complete);
    const soon = { ...codes, interval: 1 }; // it asks once, and nothing was asked before
    try {
      const tokens = await client.pollDeviceAuthorizationGrant(config, soon);
      return { email: await whoIs(config, told, tokens.access_token) };
    } catch (refusal) {
      return { error: refusal.error };
    }
  },

  /** An application that registers itself, and is configured by the answer alone. */
  async registered(told) {
    const metadata = {
      client_name: 'Canvas',
      redirect_uris: [told.redirectUri],
      token_endpoint_auth_method: told.method,
      scope: told.scope,
    };
    const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };
    const config = await client.dynamicClientRegistration(
      new URL(told.issuer), metadata, undefined, options,
    );
    const { address, checks } = await question(config, told);
    const tokens = await client.authorizationCodeGrant(config, await visit(address), checks);
    return { email: await whoIs(config, told, tokens.access_token) };
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
