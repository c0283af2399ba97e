// What has been typed and is not yet known to be saved: kept, sent in order, repeated until answered.
//
// Each edit has a key of its own, under which the gateway does it once however often it is sent. They
// are kept in the storage of the tab, so that reloading the page loses none of them either.

import { ask } from './api.js';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** How an edit of one field is sent; `root` is where the answer has the row. */
const MUTATIONS = {
  Requirement: { root: 'requirementUpdate', row: 'requirement' },
  Block: { root: 'blockUpdate', row: 'block' },
};

function mutation(type, fields) {
  const { root, row } = MUTATIONS[type];
  return `mutation ($id: UUID!, $version: BigInt!, $input: ${type}UpdateInput!) {
    ${root}(id: $id, expectedVersion: $version, input: $input) {
      mergedVersions ${row} { ${fields} }
    }
  }`;
}

/**
 * The edits of one person in one document.
 *
 * `onChange(edit)` is told whenever an edit comes, goes, or is refused (`edit.failure`),
 * `onSaved(edit, row, mergedVersions)` when one is done, `onSignedOut()` when nobody is signed in.
 */
export class Edits {
  #storage;
  #fields;
  #waiting = [];
  #own = new Set();
  #sending = false;
  #failures = 0;
  #timer;
  onChange = () => {};
  onSaved = () => {};
  onSignedOut = () => {};
  /** Whether nothing is sent until `resume`: nobody is signed in, or the document is closed. */
  paused = false;

  constructor(storage, fields) {
    this.#storage = storage;
    this.#fields = fields;
    const kept = JSON.parse(sessionStorage.getItem(storage)) ?? [];
    this.#waiting = kept;
    for (const { key } of kept) this.#own.add(key);
  }

  /** Those that are not saved, oldest first. */
  get all() {
    return [...this.#waiting];
  }

  /** How many are still to be sent or answered. */
  get pending() {
    return this.#waiting.filter((edit) => !edit.failure).length;
  }

  /** The last edit of a field that is not saved. */
  of(id, field) {
    return this.#waiting.findLast((edit) => edit.id === id && edit.field === field);
  }

  /** Whether a change that is told by a subscription is one of these. */
  isOwn(correlationId) {
    return this.#own.has(correlationId);
  }

  /** Change a field of a row from what it was at a version. */
  add({ type, id, field, value, version }) {
    const last = this.of(id, field);
    if (last && !last.sent) this.#waiting.splice(this.#waiting.indexOf(last), 1);
    const base = last && !last.failure ? last.version : version;
    const edit = { key: crypto.randomUUID(), type, id, field, value, version: base, sent: false };
    // What was refused is what this one stands for now.
    this.#waiting = this.#waiting.filter((each) => !(each.failure && isSame(each, edit)));
    this.#waiting.push(edit);
    this.#own.add(edit.key);
    this.#keep(edit);
    this.flush();
  }

  /** Give up what was refused. */
  drop(edit) {
    this.#waiting = this.#waiting.filter((each) => each !== edit);
    this.#keep(edit);
  }

  /** Send again what waited for somebody to sign in. */
  resume() {
    this.paused = false;
    this.flush();
  }

  /** Send what waits, now. */
  async flush() {
    clearTimeout(this.#timer);
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let edit; !this.paused && (edit = this.#waiting.find((each) => !each.failure)); )
        await this.#send(edit);
    } catch (failure) {
      if (this.paused) return this.onSignedOut();
      const wait = Math.min(FIRST_WAIT * 2 ** this.#failures++, LONGEST_WAIT);
      const asked = (failure.extensions?.retryAfter ?? 0) * 1000;
      this.#timer = setTimeout(() => this.flush(), Math.max(wait * (0.5 + Math.random() / 2), asked));
    } finally {
      this.#sending = false;
    }
  }

  /** Throws a Failure when the same is to be sent again. */
  async #send(edit) {
    if (!edit.sent) {
      edit.sent = true; // from now on it may have been done: it is repeated as it is
      this.#keep(edit);
    }
    const { key, type, id, field, value, version } = edit;
    const { root, row } = MUTATIONS[type];
    const variables = { id, version, input: { [field]: value } };
    let done;
    try {
      ({ [root]: done } = await ask(mutation(type, this.#fields[type]), variables, key));
    } catch (failure) {
      this.paused = failure.code === 'UNAUTHENTICATED';
      if (this.paused || failure.retryable) throw failure;
      this.#refused(edit, failure);
    }
    this.#failures = 0;
    if (done) this.#saved(edit, done[row], done.mergedVersions);
  }

  #saved(edit, row, merged) {
    this.#waiting = this.#waiting.filter((each) => each !== edit);
    for (const later of this.#waiting)
      // Typed on top of what has just been saved.
      if (isSame(later, edit) && !later.sent) later.version = row.version;
    this.onSaved(edit, row, merged);
    this.#keep(edit);
  }

  #refused(edit, { code, message, extensions }) {
    edit.failure = { code, message, extensions };
    const later = this.of(edit.id, edit.field);
    if (later !== edit) this.#waiting = this.#waiting.filter((each) => each !== edit);
    this.#keep(edit);
  }

  #keep(edit) {
    if (this.#waiting.length) sessionStorage.setItem(this.#storage, JSON.stringify(this.#waiting));
    else sessionStorage.removeItem(this.#storage);
    this.onChange(edit);
  }
}

function isSame(one, other) {
  return one.id === other.id && one.field === other.field;
}
