// What is shown of an edit that was refused: why, both sides of a conflict, and the way out.

import { columnOf, words } from './columns.js';
import { make } from './elements.js';
import { nameOf } from './people.js';

/** What is asked about an edit that is not of a field: to leave it, or to do it all the same. */
const WAYS = {
  delete: ['Keep it', 'Delete it'],
  move: ['Leave it there', 'Move it'],
  revert: ['Keep the current version', 'Restore'],
};

const conflictsOf = ({ code, extensions }) => (code === 'CONFLICT' ? extensions.conflicts : null) ?? [];

/** The two sides of a conflict about the field of an edit. */
function conflictOf({ field, failure }) {
  const isIt = (conflict) => conflict.field === field || conflict.path?.join('.') === field;
  return conflictsOf(failure).find(isIt);
}

function side(label, text) {
  const value = make('p', { className: 'text' }, text || 'Nothing');
  return make('div', { className: 'side' }, make('p', { className: 'label' }, label), value);
}

function button(label, action, primary = false) {
  const className = primary ? 'button' : 'button second';
  const made = make('button', { type: 'button', className }, label);
  made.addEventListener('click', action);
  return made;
}

/** One sentence on why an edit was not saved. */
export function reason(edit) {
  const [conflict = conflictOf(edit)] = WAYS[edit.kind] ? conflictsOf(edit.failure) : [];
  if (!conflict) return edit.failure.message;
  return `${nameOf(conflict.changedBy)} has changed this, too.`;
}

/**
 * A row of the table about an edit that was refused.
 *
 * `keep()` gives the edit up, `replace(version)` saves it over what stands there now, `again()`
 * opens it for more work, where its row still is.
 */
export function note(edit, span, { keep, replace, again }) {
  const column = columnOf(edit.type, edit.field);
  const [leave, insist] = WAYS[edit.kind] ?? ['Discard my change'];
  const isStale = edit.failure.code === 'CONFLICT' && insist;
  const conflict = conflictOf(edit);
  const { currentVersion } = edit.failure.extensions;
  const cell = make('td', { role: 'gridcell', colSpan: span });
  const why = make('p', { className: 'why' }, reason(edit));
  const sides = make('div', { className: 'sides' });
  const ways = make('div', { className: 'ways' });
  if (conflict) {
    // The record of changes writes choices in lower case.
    const theirs = column.kind === 'choice' ? conflict.current?.toUpperCase() : conflict.current;
    sides.append(side('Theirs', words(column, theirs)), side('Yours', words(column, edit.value)));
    ways.append(button('Keep theirs', keep), button('Save yours', () => replace(currentVersion)));
  } else {
    if (column) sides.append(side('Yours', words(column, edit.value)));
    ways.append(button(leave, keep));
    if (isStale) ways.append(button(insist, () => replace(currentVersion)));
  }
  if (again) ways.append(button('Edit yours', again, true));
  cell.append(why, sides, ways);
  return make('tr', { role: 'row', className: 'note' }, cell);
}
