// The page of one document, on which several people work at a time.

import { ask, signedIn } from './api.js';
import { CHOICES } from './columns.js';
import { Connection, SignedOut } from './connection.js';
import { FIELDS, LiveDocument } from './document.js';
import { Edits } from './edits.js';
import { make } from './elements.js';
import { Grid } from './grid.js';
import { meet, nameOf } from './people.js';

const find = (id) => document.getElementById(id);
const START = `{ viewer { profile { id email fullName } } ${CHOICES} }`;
const CLOSED = 'There is no such document, or you may not see it.';
const WORDS = { open: 'Live', lost: 'Offline', connecting: 'Connecting', 'signed-out': 'Signed out' };

/** The bar at the top: what is wrong, and what to do about it. */
function bar(text, label, action) {
  const [words, way] = find('bar').children;
  find('bar').hidden = !text;
  words.textContent = text ?? '';
  way.hidden = !label;
  way.textContent = label ?? '';
  way.onclick = action instanceof Function ? action : null;
  way.href = typeof action === 'string' ? action : '#';
  way.target = typeof action === 'string' ? '_blank' : '';
}

function news(text) {
  find('news').textContent = text;
}

async function start() {
  const id = location.pathname.split('/').at(-1);
  const { viewer, ...types } = await ask(START);
  if (!viewer) return location.reload(); // the gateway leads to where people sign in
  const me = meet(viewer.profile);
  const choices = Object.fromEntries(
    Object.entries(types).map(([type, { enumValues }]) => [type, enumValues.map((v) => v.name)]),
  );

  const edits = new Edits(`edits:${me.id}:${id}`, FIELDS);
  const connection = new Connection(location.origin.replace(/^http/, 'ws') + '/graphql', {
    // The cookie says who this is; it is looked at here so that nobody works under another's name.
    connectionParams: async () => {
      if ((await signedIn()) !== me.email) throw new SignedOut();
      return {};
    },
    onState: tellState,
  });
  const live = new LiveDocument(id, connection);
  let grid = null;
  let closed = false;

  function tellState(state = connection.state) {
    if (closed) return;
    const waiting = edits.pending;
    const kept = waiting ? ` ${waiting === 1 ? 'A change is' : `${waiting} changes are`} kept.` : '';
    find('state').dataset.state = state;
    find('state').textContent = WORDS[state] ?? '';
    if (state === 'open') {
      bar();
      edits.resume();
    } else if (state === 'lost')
      bar(`The connection is lost. What you write is kept, and sent when it is back.${kept}`,
        'Try now', () => connection.retry());
    else if (state === 'signed-out')
      bar(`You are signed out.${kept}`, 'Sign in', `/sign-in?next=${location.pathname}`);
    else if (state === 'refused') bar('This page is out of date.', 'Reload', () => location.reload());
  }

  edits.onChange = (edit) => {
    grid?.refresh(edit);
    if (connection.state !== 'open') tellState();
    find('state').classList.toggle('saving', edits.pending > 0);
  };
  edits.onSaved = (edit, row, merged) => {
    live.accept(edit.type, row);
    const both = merged.length && row[edit.field] !== edit.value;
    if (both) news('Your change and those of others were put together.');
  };
  edits.onSignedOut = () => tellState('signed-out');

  live.onArranged = () => {
    const { name, project, viewerCan } = live.head;
    find('name').textContent = name;
    find('project').textContent = project?.name ?? '';
    document.title = `${name} · Gateway`;
    grid ??= made(viewerCan.create);
    find('readonly').hidden = viewerCan.create;
    grid.arrange();
    const none = live.requirements.size + live.blocks.size === 0;
    find('empty').hidden = !none;
    find('empty').textContent = 'There is nothing in this document yet.';
  };
  live.onChanged = (row, event) => {
    meet(event?.actor);
    meet(row.updatedBy);
    const others = event && !edits.isOwn(event.correlationId);
    if (others && !event.renumbered && event.actor)
      news(`${nameOf(event.actor.id)}: ${row.name}, ${event.kind.toLowerCase()}.`);
    grid?.show(row, others ? event : undefined);
  };
  live.onClosed = () => {
    closed = true;
    edits.paused = true;
    grid?.clear();
    bar();
    document.title = 'Gateway';
    find('state').textContent = '';
    const texts = edits.all.map(({ value }) => make('blockquote', {}, value ?? ''));
    if (texts.length) texts.unshift(make('p', {}, 'What you had written and was not saved:'));
    find('name').textContent = 'Closed';
    find('project').textContent = '';
    const panel = make('section', { className: 'closed' }, make('p', {}, CLOSED), ...texts);
    find('main').replaceChildren(panel);
  };

  function made(editable) {
    const table = find('grid');
    table.hidden = false;
    const grid = new Grid(table, live, edits, { choices, editable });
    grid.onNews = news;
    return grid;
  }

  /** Signing in happens in another tab. */
  async function lookAgain() {
    if (find('state').dataset.state !== 'signed-out') return connection.retry();
    const email = await signedIn().catch(() => null);
    if (email && email !== me.email) location.reload();
    if (email !== me.email) return;
    connection.retry();
    tellState();
  }

  addEventListener('focus', lookAgain);
  addEventListener('beforeunload', (event) => {
    grid?.commit();
    if (edits.pending) event.preventDefault();
  });
  live.open();
  edits.flush();
}

start().catch((failure) => {
  bar(failure.message, 'Try again', () => location.reload());
});
