// Parts of a page that follow what a worker does.
//
// `data-follows` names a subscription and the ID that it takes, such as `assessmentChanged:ID`. After
// events the page is fetched again, and its parts with `data-live`, a name, are replaced, but for
// those in which somebody has opened a form.

import { signedIn } from '/live/assets/api.js';
import { Connection } from '/live/assets/connection.js';

const PAUSE = 1000; // milliseconds between two fetches
const PATIENCE = 5000; // before a fetch that has failed is tried again
const SUBSCRIPTIONS = new Set(['assessmentChanged', 'jobChanged']);
const said = document.getElementById('said');
const followed = new Map();
let fetching = false;
let again = false;

const url = new URL('/graphql', location.href);
url.protocol = url.protocol.replace('http', 'ws');
const connection = new Connection(url.href, {
  connectionParams: async () => {
    await signedIn();
    return {};
  },
});

/** Follow what the page names, and nothing else any more. */
function follow() {
  const named = new Set(
    [...document.querySelectorAll('[data-follows]')].map(({ dataset }) => dataset.follows),
  );
  for (const [name, stop] of followed) {
    if (named.has(name)) continue;
    stop();
    followed.delete(name);
  }
  for (const name of named) {
    const [field, id] = name.split(':');
    if (followed.has(name) || !SUBSCRIPTIONS.has(field)) continue;
    const query = `subscription Follow($id: UUID!, $after: String) {
      ${field}(id: $id, after: $after) { cursor } }`;
    followed.set(name, connection.subscribe(query, { id }, { next: refresh, error: console.warn }));
  }
}

/** Fetch the page again. What happens while it is fetched is fetched once more. */
async function refresh() {
  again = true;
  if (fetching) return;
  fetching = true;
  try {
    while (again) {
      again = false;
      const response = await fetch(location.href, { credentials: 'same-origin' });
      if (response.status >= 500) throw new Error('The gateway cannot answer now.');
      if (response.redirected || !response.ok) return; // signed out, or gone
      replace(new DOMParser().parseFromString(await response.text(), 'text/html'));
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  } catch {
    setTimeout(refresh, PATIENCE); // the last event is of no use until the page has been fetched
  } finally {
    fetching = false;
  }
}

function replace(fresh) {
  const before = spoken();
  for (const part of document.querySelectorAll('[data-live]')) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!other || other.isEqualNode(part) || part.querySelector('details[open]')) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
    part.replaceWith(document.adoptNode(other));
    if (focused) document.getElementById(focused)?.focus();
  }
  follow();
  const now = spoken();
  if (said && now !== before) said.textContent = now;
}

/** The statuses that the page shows, for screen readers. */
function spoken() {
  return [...document.querySelectorAll('[data-said]')]
    .map(({ dataset }) => dataset.said)
    .join('. ');
}

follow();
