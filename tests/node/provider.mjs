// The identity provider of an organization: oidc-provider, with one client and the people of a test.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const told = JSON.parse(process.argv[2]);
const people = new Map(Object.entries(told.people));
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: told.client,
        client_secret: told.secret,
        redirect_uris: [told.redirect],
        post_logout_redirect_uris: told.signedOut ? [told.signedOut] : [],
        backchannel_logout_uri: told.logout,
        backchannel_logout_session_required: true,
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: told.inUserInfo,
    features: {
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      devInteractions: { enabled: true },
    },
    // The gateway of the test listens on this machine, which the provider does not reach by default.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    pkce: { required: () => true },
    cookies: { keys: ["only for tests"] },
    findAccount: (_, id) =>
      people.has(id) && { accountId: id, claims: () => ({ sub: id, ...people.get(id) }) },
  });
  server.on("request", provider.callback());
  console.log(JSON.stringify({ issuer }));
});
