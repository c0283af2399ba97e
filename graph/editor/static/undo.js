// Undoing one's own last edits, each by an edit that does the opposite at the version it has made.
//
// What others have changed since is not undone: the gateway refuses that as it refuses any edit.

const MOST = 100;

/** What undoes an edit that has given this row. Null where only its history does. */
function oppositeOf({ kind, type, field, value, before }, row, isMixed) {
  const opposite = { type, id: row.id, version: row.version };
  if (kind === 'create' || kind === 'restore') return { ...opposite, kind: 'delete' };
  if (kind === 'delete') return { ...opposite, kind: 'restore' };
  // What was put together with theirs cannot be taken out again by a whole value.
  if (isMixed) return null;
  if (kind === 'revert') return { ...opposite, kind, value: row.version - 1 };
  return { ...opposite, kind, field, value: before, before: value };
}

/** The stacks of what this person can undo and redo, as long as the page is open. */
export class Undo {
  #edits;
  #done = [];
  #undone = [];
  #busy = null;
  #due = []; // what is asked for while an edit is on its way
  onChange = () => {};

  constructor(edits) {
    this.#edits = edits;
  }

  get canUndo() {
    return this.#done.length > 0 || this.#edits.pending > 0;
  }

  get canRedo() {
    return this.#undone.length > 0 || this.#busy?.from === 'undo';
  }

  /**
   * An edit was saved, as this row. `isMerged` says whether others had changed the row meanwhile,
   * `isMixed` whether its own value was put together with theirs.
   */
  saved(edit, row, { isMerged, isMixed }) {
    const opposite = oppositeOf(edit, row, isMixed);
    if (!isMerged)
      // Between their version and this one there are only edits of this person.
      for (const each of [...this.#done, ...this.#undone])
        if (each.id === row.id && each.version === edit.version) each.version = row.version;
    if (edit.from === 'undo') this.#push(this.#undone, opposite);
    else this.#push(this.#done, opposite);
    if (!edit.from) this.#undone = [];
    this.settled(edit);
  }

  /** An edit was saved or refused. */
  settled({ from }) {
    if (from) this.#busy = null;
    if (this.#due.length && !this.#busy && !this.#edits.pending) this.back(this.#due.shift());
    this.onChange();
  }

  /** Undo or redo the last edit; gives what is taken back, or null when there is none. */
  back(from) {
    const waiting = from === 'undo' && !this.#busy && this.#edits.takeBack();
    if (waiting) return waiting;
    if (this.#busy || this.#edits.pending) return void this.#due.push(from);
    const last = (from === 'undo' ? this.#done : this.#undone).pop();
    if (!last) return null;
    this.#busy = { ...last, from };
    this.#edits.add(this.#busy);
    this.onChange();
    return last;
  }

  #push(stack, opposite) {
    if (!opposite) return;
    stack.push(opposite);
    if (stack.length > MOST) stack.shift();
  }
}
