// What has been typed and is not yet known to be saved: kept, sent in order, repeated until answered.
//
// Each edit has a key of its own, under which the gateway does it once however often it is sent. They
// are kept in the storage of the tab, so that reloading the page loses none of them either.

import { ask } from './api.js';
import { inputOf } from './columns.js';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

const ROW = { id: 'UUID!', expectedVersion: 'BigInt!' };
const rowOf = ({ id, version }) => ({ id, expectedVersion: version });

/**
 * How each kind of edit is sent: the types of its arguments, and their values; `merges` says whether
 * the answer tells of changes that it was put together with. Its `value` is that of its field, the
 * place of a row that is moved, the version that is gone back to, or a new row.
 */
const KINDS = {
  update: {
    takes: (type) => ({ ...ROW, input: `${type}UpdateInput!` }),
    gives: (edit) => ({ ...rowOf(edit), input: inputOf(edit) }),
    merges: true,
  },
  move: {
    takes: (type) => ({ ...ROW, placeAt: `${type}PlaceInput!` }),
    gives: (edit) => ({ ...rowOf(edit), placeAt: placeOf(edit) }),
    merges: true,
  },
  revert: {
    takes: () => ({ ...ROW, toVersion: 'BigInt!' }),
    gives: (edit) => ({ ...rowOf(edit), toVersion: edit.value }),
    merges: true,
  },
  create: { takes: (type) => ({ input: `${type}CreateInput!` }), gives: ({ value }) => ({ input: value }) },
  delete: { takes: () => ROW, gives: rowOf },
  restore: { takes: () => ROW, gives: rowOf },
};

const placeOf = ({ value: { blockId, at } }) => ({ blockId, at });

/** The mutation of a kind of edit, which gives `done { row }`, and `mergedVersions` where it merges. */
function mutation(kind, type, fields) {
  const { takes, merges } = KINDS[kind];
  const row = type.toLowerCase();
  const named = Object.entries(takes(type));
  const declared = named.map(([name, typed]) => `$${name}: ${typed}`).join(', ');
  const given = named.map(([name]) => `${name}: $${name}`).join(', ');
  return `mutation (${declared}) {
    done: ${row}${kind[0].toUpperCase()}${kind.slice(1)}(${given}) {
      ${merges ? 'mergedVersions' : ''} row: ${row} { ${fields} }
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
    this.#waiting = kept.map((edit) => ({ kind: 'update', ...edit }));
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

  /** The last edit of a field that is not saved, or of another kind of a row. */
  of(id, field, kind = 'update') {
    return this.#waiting.findLast((edit) => isSame(edit, { id, field, kind }));
  }

  /** The last edit of a kind of a row that is neither saved nor refused. */
  underWay(id, kind) {
    const edit = this.#waiting.length ? this.of(id, undefined, kind) : undefined;
    return edit?.failure ? undefined : edit;
  }

  /** Whether a change that is told by a subscription is one of these. */
  isOwn(correlationId) {
    return this.#own.has(correlationId);
  }

  /**
   * Change a row from what it was at a version: `kind` is one of KINDS, and `before` what its value
   * was, for whoever wants it back. `from` says whether it is undoing or redoing another.
   */
  add({ kind = 'update', type, id = null, field, value, before, version, from }) {
    const last = this.of(id, field, kind);
    const instead = last && !last.sent ? last : null;
    if (instead) this.#waiting.splice(this.#waiting.indexOf(last), 1);
    const edit = {
      ...{ key: crypto.randomUUID(), kind, type, id, field, value, from, sent: false },
      before: instead && !instead.failure ? instead.before : before,
      version: last && !last.failure ? last.version : version,
    };
    // What was refused is what this one stands for now.
    this.#waiting = this.#waiting.filter((each) => !(each.failure && isSame(each, edit)));
    this.#waiting.push(edit);
    this.#own.add(edit.key);
    this.#keep(edit);
    this.flush();
    return edit;
  }

  /** Take back the last edit, if it has not been sent yet. */
  takeBack() {
    const last = this.#waiting.findLast(({ failure }) => !failure);
    if (!last || last.sent) return null;
    this.drop(last);
    return last;
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
    const { key, kind, type } = edit;
    let done;
    try {
      const variables = KINDS[kind].gives(edit);
      ({ done } = await ask(mutation(kind, type, this.#fields[type]), variables, key));
    } catch (failure) {
      this.paused = failure.code === 'UNAUTHENTICATED';
      if (this.paused || failure.retryable) throw failure;
      this.#refused(edit, failure);
    }
    this.#failures = 0;
    if (done) this.#saved(edit, done.row, done.mergedVersions ?? []);
  }

  #saved(edit, row, merged) {
    this.#waiting = this.#waiting.filter((each) => each !== edit);
    for (const later of this.#waiting) {
      // Typed on top of what has just been saved, or of the same version of the row.
      const onTop = isSame(later, edit) || (!merged.length && later.version === edit.version);
      if (later.id === edit.id && !later.sent && onTop) later.version = row.version;
    }
    this.onSaved(edit, row, merged);
    this.#keep(edit);
  }

  #refused(edit, { code, message, extensions }) {
    edit.failure = { code, message, extensions };
    const later = this.of(edit.id, edit.field, edit.kind) ?? edit;
    if (later !== edit) this.#waiting = this.#waiting.filter((each) => each !== edit);
    this.#keep(edit);
  }

  #keep(edit) {
    if (this.#waiting.length) sessionStorage.setItem(this.#storage, JSON.stringify(this.#waiting));
    else sessionStorage.removeItem(this.#storage);
    this.onChange(edit);
  }
}

/** Whether two edits are of the same field of a row, or of the same kind of it; new rows are not. */
function isSame(one, other) {
  const { id, field, kind } = one;
  return id !== null && id === other.id && field === other.field && kind === other.kind;
}
