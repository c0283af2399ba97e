// Registers passkeys, and signs in with them (Web Authentication Level 3). A form with
// data-passkey="create" or "get" has the options as JSON, and is sent with the answer of the
// authenticator in its field `credential`.
"use strict";

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const FAILURES = {
  InvalidStateError: "This device has a passkey of your account already.",
  NotAllowedError: "No passkey was used. Try again, or choose another way.",
  SecurityError: "Passkeys do not work at this address of the gateway.",
};

let waiting = null; // the request whose passkeys the browser suggests in the form for signing in

function optionsOf(form) {
  const options = JSON.parse(form.dataset.options);
  options.challenge = bytesOf(options.challenge);
  if (options.user) {
    options.user.id = bytesOf(options.user.id);
  }
  for (const one of [...(options.excludeCredentials ?? []), ...(options.allowCredentials ?? [])]) {
    one.id = bytesOf(one.id);
  }
  return options;
}

function answerOf(credential) {
  const { response } = credential;
  const parts = { clientDataJSON: textOf(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) {
      parts[name] = textOf(response[name]);
    }
  }
  if (response.getTransports) {
    parts.transports = response.getTransports();
  }
  const { id, type } = credential;
  return JSON.stringify({ id, type, rawId: textOf(credential.rawId), response: parts });
}

function send(form, credential) {
  form.elements.credential.value = answerOf(credential);
  form.submit();
}

async function ask(form) {
  waiting?.abort();
  const publicKey = optionsOf(form);
  const message = form.querySelector("[role=alert]");
  message.textContent = "";
  message.hidden = true;
  try {
    send(form, await navigator.credentials[form.dataset.passkey]({ publicKey }));
  } catch (error) {
    message.textContent = FAILURES[error.name] ?? FAILURES.NotAllowedError;
    message.hidden = false;
  }
}

async function suggest(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) {
    return;
  }
  waiting = new AbortController();
  const { signal } = waiting;
  try {
    const publicKey = optionsOf(form);
    const found = await navigator.credentials.get({ publicKey, signal, mediation: "conditional" });
    send(form, found);
  } catch {
    // The button asked instead, or the person signed in otherwise.
  }
}

const isFor = (domain) => `.${location.hostname}`.endsWith(`.${domain}`);
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const options = JSON.parse(form.dataset.options);
  if (!window.PublicKeyCredential || !isFor(options.rpId ?? options.rp.id)) {
    continue;
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
  if ("suggest" in form.dataset) {
    suggest(form);
  }
}
