// Journeys of applications that identify people by OpenID Connect, one built on openid-client and
// one on oauth4webapi, which check ID tokens by the standards themselves:
// node openid.mjs <journey> <what it is told>.

import * as client from 'openid-client';
import * as oauth from 'oauth4webapi';

import { failure, travel, visit } from './journey.mjs';

// The gateway under test is on this machine, without TLS.
const plain = { [oauth.allowInsecureRequests]: true };

async function configured(told, proof = client.ClientSecretBasic(told.secret)) {
  const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
  return client.discovery(new URL(told.issuer), told.clientId, undefined, proof, { execute });
}

async function question(config, told, more = {}) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: told.redirectUri,
    scope: told.scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  });
  return { address, checks };
}

await travel({
  /** Discovery, an ID token, the user information, a refresh, and signing out. */
  async identity(told) {
    const config = await configured(told);
    const { address, checks } = await question(config, told, { max_age: 3600 });
    const callback = await visit(address);
    const tokens = await client.authorizationCodeGrant(config, callback, {
      ...checks, maxAge: 3600,
    });
    const { sub } = tokens.claims();
    const info = await client.fetchUserInfo(config, tokens.access_token, sub);
    const other = await failure(client.fetchUserInfo(config, tokens.access_token, 'somebody'));
    const again = await client.refreshTokenGrant(config, tokens.refresh_token);
    const silent = await question(config, told, { prompt: 'none', id_token_hint: again.id_token });
    const second = await client.authorizationCodeGrant(
      config, await visit(silent.address), silent.checks,
    );
    const end = client.buildEndSessionUrl(config, {
      id_token_hint: again.id_token, post_logout_redirect_uri: told.afterwards, state: 'left',
    });
    const left = await visit(end);
    const gone = await question(config, told, { prompt: 'none' });
    const refused = await failure(
      client.authorizationCodeGrant(config, await visit(gone.address), gone.checks),
    );
    return {
      sub, info, other: other.code, refreshed: again.claims().sub, second: second.claims().sub,
      left: left.href, refused: refused.error,
    };
  },

  /** An answer to another request: its nonce and its age are not those of this one. */
  async replayed(told) {
    const config = await configured(told);
    const attempt = async (changed) => {
      const { address, checks } = await question(config, told);
      const callback = await visit(address);
      return failure(
        client.authorizationCodeGrant(config, callback, { ...checks, ...changed }),
      );
    };
    const nonce = await attempt({ expectedNonce: client.randomNonce() });
    const unexpected = await attempt({ expectedNonce: undefined });
    return { nonce: nonce.code, unexpected: unexpected.code };
  },

  /** An application that proves itself by a key of its own. */
  async keyed(told) {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const key = await crypto.subtle.importKey('jwk', told.key, algorithm, false, ['sign']);
    const config = await configured(told, client.PrivateKeyJwt({ key, kid: told.key.kid }));
    const { address, checks } = await question(config, told);
    const callback = await visit(address);
    const tokens = await client.authorizationCodeGrant(config, callback, checks);
    const active = await client.tokenIntrospection(config, tokens.access_token);
    const stranger = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
    const impostor = await configured(told, client.PrivateKeyJwt(stranger.privateKey));
    const refused = await failure(client.refreshTokenGrant(impostor, tokens.refresh_token));
    return { sub: tokens.claims().sub, active: active.active, refused: refused.status };
  },

  /** The same with the calls of oauth4webapi, one by one. */
  async stepwise(told) {
    const issuer = new URL(told.issuer);
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...plain });
    const as = await oauth.processDiscoveryResponse(issuer, found);
    const own = { client_id: told.clientId };
    const proof = oauth.ClientSecretBasic(told.secret);
    const config = await configured(told);
    const { address, checks } = await question(config, told);
    const callback = oauth.validateAuthResponse(
      as, own, await visit(address), checks.expectedState,
    );
    const answer = await oauth.authorizationCodeGrantRequest(
      as, own, proof, callback, told.redirectUri, checks.pkceCodeVerifier, plain,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, own, answer, {
      expectedNonce: checks.expectedNonce, requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(as, answer, plain);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    const asked = await oauth.userInfoRequest(as, own, tokens.access_token, plain);
    const info = await oauth.processUserInfoResponse(as, own, claims.sub, asked);
    return { claims, info };
  },
});
