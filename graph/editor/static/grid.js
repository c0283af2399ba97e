// The table: where everybody is in it by keyboard or pointer, and editing in place.

import { shownColumns, widths } from './columns.js';
import { Editing } from './editing.js';
import { make, onceAFrame, place } from './elements.js';
import { withRows } from './filter.js';
import { commandOf, target } from './keys.js';
import { note, reason } from './notes.js';
import { nameOf } from './people.js';
import { heads, Row } from './rows.js';

const READ_ONLY = 'You can read this document, but not change it.';

/**
 * Shows a document in a table and adds what is typed to the edits.
 *
 * `onFocus(place)` is told where this person is, `onWriting(place)` where they are writing (null when
 * nowhere), `onNews(text)` what to read out, `onCommand(name)` what is asked to be done with the row that
 * is `current`, `onShown(count)` how many requirements are shown. A place is `{ entityId, field }`.
 */
export class Grid {
  #table;
  #document;
  #edits;
  #editable;
  #rows = new Map();
  #arrived = new Map(); // rows that others have made, until they are shown
  #notes = new WeakMap();
  #refused = new Map(); // the edits of each row that were refused
  #bodies = new Map();
  #astray = make('tbody', { role: 'rowgroup', className: 'astray' });
  #people = [];
  #occupied = []; // cells that somebody else is at
  #editing;
  #arranging = false;
  #pressed = false;
  #current = null; // the one cell that Tab leads to
  #matches = null;
  #wanted = null; // what is to be done with a row once it is shown
  onFocus = () => {};
  onNews = () => {};
  onCommand = () => {};
  onShown = () => {};

  constructor(table, document, edits, { choices, editable }) {
    this.#table = table;
    this.#document = document;
    this.#edits = edits;
    this.#editing = new Editing(document, edits, choices);
    this.#editing.onNews = (text) => this.onNews(text);
    this.#editable = editable;
    this.#showHeads();
    table.addEventListener('keydown', (event) => this.#key(event));
    table.addEventListener('focusin', ({ target }) => this.#arrive(target));
    table.addEventListener('focusout', ({ target, relatedTarget }) => this.#leave(target, relatedTarget));
    table.addEventListener('pointerdown', (event) => this.#press(event));
    table.addEventListener('click', ({ target }) => this.#pressed && this.#open(target));
    addEventListener('pagehide', () => this.commit());
  }

  /**
   * Bring the rows into the order of the document with the next frame: once for all the events that
   * have come until then, so that a key never waits behind a queue of them.
   */
  arrange = onceAFrame(() => this.#arrange());

  /** Show other columns. */
  rebuild() {
    this.commit();
    const { id } = this.current ?? {};
    const { field } = this;
    const isHere = this.#table.contains(document.activeElement);
    this.#rows.clear();
    this.#notes = new WeakMap();
    this.#showHeads();
    if (isHere && id) this.await(id, field);
    else this.arrange();
  }

  #showHeads() {
    const { tracks, least } = widths();
    this.#table.style.setProperty('--columns', tracks);
    document.documentElement.style.setProperty('--least', least);
    this.#table.replaceChildren(make('thead', { role: 'rowgroup' }, heads()));
  }

  /** Show the counts of rows anew. */
  count(ids) {
    for (const id of ids) {
      const row = this.#rows.get(id);
      row?.show(row.row);
    }
  }

  /** Whom properties may name. */
  set people(people) {
    this.#editing.people = people;
  }

  /** Show other values of a row, and who has changed it. */
  show(row, event) {
    const shown = this.#rows.get(row.id);
    shown?.show(row);
    // What is said of a refused edit names who has changed the row, which may match the filter now.
    if (this.#refused.has(row.id) || this.#matches) this.arrange();
    if (!event || event.renumbered) return;
    if (shown) shown.flash(event);
    else this.#arrived.set(row.id, event);
    const { now } = this.#editing;
    if (now && now.row === shown && event.changedFields.includes(now.field)) this.#warn(event);
  }

  /** Show a row anew because an edit of it has come, gone or been refused. */
  refresh(edit) {
    const { type, id, failure } = edit;
    const row = this.#document.row(type, id);
    const shown = this.#rows.get(id);
    shown?.show(row ?? shown.row);
    if (edit.kind === 'move') this.arrange();
    if (failure) this.onNews(reason(edit));
    if (failure || this.#table.querySelector('.note')) this.arrange();
  }

  /** What this person has written was put together with what others had. */
  merged({ id, field }) {
    this.#rows.get(id)?.cell(field)?.flash(null, 'Merged with other changes');
    this.onNews('Your change was merged with changes of others.');
  }

  /** Show who else is where: a list of `{ id, place, writing }`. */
  present(people) {
    this.#people = people;
    const at = (place) => this.#rows.get(place?.entityId)?.cell(place.field);
    for (const cell of this.#occupied) cell.present([]);
    const cells = Map.groupBy(people, ({ place }) => at(place));
    cells.delete(undefined);
    this.#occupied = [...cells.keys()];
    for (const [cell, present] of cells) cell.present(present);
  }

  /** This person may change the document from now on, or may not. */
  set editable(editable) {
    if (editable === this.#editable) return;
    if (!editable) this.commit();
    this.#editable = editable;
    for (const row of this.#rows.values()) row.editable = editable;
    this.onNews(editable ? 'You can change this document now.' : READ_ONLY);
  }

  set onWriting(tell) {
    this.#editing.onWriting = tell;
  }

  /** The row that this person is at, or was at last: `{ type, id }`; null when it is gone. */
  get current() {
    const at = this.#at(this.#current);
    return at && this.#document.row(at.row.type, at.row.id) ? at.row : null;
  }

  /** The field of the cell that this person is at. */
  get field() {
    return this.#current?.dataset.field;
  }

  /** Show only rows that match: a function of rows, or null to show all. */
  set matches(matches) {
    this.#matches = matches;
    this.arrange();
  }

  /** The sections with those of their rows that are shown. One keeps the row that one is in. */
  filtered(sections) {
    if (!this.#matches) return sections;
    const here = this.#table.contains(document.activeElement) ? this.current?.id : null;
    const kept = [here, this.#wanted?.id];
    const isShown = (row) => kept.includes(row.id) || this.#refused.has(row.id) || this.#matches(row);
    return withRows(sections, isShown, kept);
  }

  /** Go to a place, where somebody else is. */
  go({ entityId, field }) {
    const row = this.#rows.get(entityId);
    (row?.cell(field) ?? row?.first)?.element.focus();
  }

  /** Go to a field of a row, or open it for writing over it, as soon as the row is shown. */
  await(id, field, open = false) {
    this.#wanted = { id, field, open };
    this.arrange();
  }

  /** Go to the row after this one, or the one before the last. */
  leave({ element }) {
    const lines = this.#lines;
    const index = lines.indexOf(element);
    const next = lines[index + 1] ?? lines[index - 1];
    (next?.cells[this.#current?.cellIndex ?? 0] ?? next?.cells[0])?.focus();
  }

  /** Somebody else is writing where this person has begun to. */
  held(name) {
    this.#editing.hint(`${name} is writing here, too. Saving puts both together, or asks you.`);
  }

  /** Add what is being typed to the edits. */
  commit() {
    this.#editing.commit();
  }

  /** Show nothing any more. */
  clear() {
    this.commit();
    this.#table.replaceChildren();
  }

  #arrange() {
    const { sections, head } = this.#document;
    if (!head) return;
    this.#refused = Map.groupBy(this.#edits.all.filter(({ failure }) => failure), ({ id }) => id);
    const { now } = this.#editing;
    if (now && !this.#document.row(now.row.type, now.row.id))
      this.commit(); // its row has gone; what was typed is refused, and kept
    const active = document.activeElement;
    this.#arranging = true;
    const bodies = [];
    const shown = this.filtered(sections);
    for (const { block, depth, rows } of shown) {
      const key = block?.id ?? null;
      if (!this.#bodies.has(key)) this.#bodies.set(key, make('tbody', { role: 'rowgroup' }));
      const body = this.#bodies.get(key);
      body.dataset.depth = Math.min(depth, 4);
      place(body, (block ? [block, ...rows] : rows).flatMap((row) => this.#elements(row)));
      bodies.push(body);
    }
    // What was written in rows that are gone is shown before all others.
    const gone = ({ type, id, failure }) => failure && !this.#document.row(type, id);
    place(this.#astray, this.#edits.all.filter(gone).map((edit) => this.#note(edit)));
    place(this.#table, [this.#table.tHead, this.#astray, ...bodies]);
    for (const [id, { type }] of this.#rows)
      if (!this.#document.row(type, id)) this.#rows.delete(id);
    if (active !== document.activeElement && active?.isConnected) active.focus();
    this.#arranging = false;
    this.present(this.#people);
    this.onShown(shown.reduce((sum, { rows }) => sum + rows.length, 0));
    if (!this.#current?.isConnected) this.#stand(this.#table.querySelector('.cell'));
    this.#goWhereWanted();
  }

  #goWhereWanted() {
    const row = this.#rows.get(this.#wanted?.id);
    if (!row?.element.isConnected) return;
    const { field, open } = this.#wanted;
    this.#wanted = null;
    const { element } = row.cell(field) ?? row.first;
    element.focus();
    if (open) this.#open(element, { all: true });
  }

  /** The elements of a row: itself, and a note on each edit of it that was refused. */
  #elements(row) {
    let shown = this.#rows.get(row.id);
    if (!shown) {
      shown = new Row(row, this.#edits, { editable: this.#editable });
      this.#rows.set(row.id, shown);
    }
    if (shown.row !== row) shown.show(row);
    if (this.#arrived.has(row.id)) shown.flash(this.#arrived.get(row.id));
    this.#arrived.delete(row.id);
    const refused = this.#refused.get(row.id) ?? [];
    return [shown.element, ...refused.map((edit) => this.#note(edit, shown))];
  }

  #note(edit, shown) {
    if (!this.#notes.has(edit)) {
      const ways = {
        keep: () => this.#settle(edit),
        replace: (version) => this.#settle(edit, () => this.#edits.add({ ...edit, version })),
        again: shown?.cell(edit.field) && (() => this.#open(shown.cell(edit.field).element)),
      };
      this.#notes.set(edit, note(edit, shownColumns().length, ways));
    }
    const made = this.#notes.get(edit);
    made.querySelector('.why').textContent = reason(edit);
    return made;
  }

  #settle(edit, further) {
    this.#edits.drop(edit);
    further?.();
    this.arrange();
    this.go({ entityId: edit.id, field: edit.field });
  }

  /* Where somebody is. */

  #at(element) {
    const cell = element?.closest?.('.cell');
    const id = cell?.parentElement.id.replace('row-', '');
    const row = this.#rows.get(id);
    return row && { row, cell: row.cellOf(cell) };
  }

  #stand(element) {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = element;
    if (element) element.tabIndex = 0;
  }

  #arrive(target) {
    const at = this.#at(target);
    if (!at) return;
    // A row that was kept for whoever was in it goes now, where it does not match.
    if (this.#matches && this.#current?.parentElement !== at.row.element) this.arrange();
    this.#stand(at.cell.element);
    this.onFocus({ entityId: at.row.id, field: at.cell.column.field });
  }

  #leave(target, toward) {
    if (this.#arranging) return;
    const editor = this.#editing.now?.editor;
    if (editor?.contains(target) && !editor.contains(toward)) this.commit();
    setTimeout(() => this.#table.contains(document.activeElement) || this.onFocus(null));
  }

  /** A finger opens a cell, a mouse goes there first and opens it with its next press. */
  #press({ target, pointerType }) {
    const there = target.closest('.cell') === document.activeElement;
    this.#pressed = there || pointerType === 'touch';
  }

  #key(event) {
    if (event.target.closest('.note')) return;
    if (this.#editing.now ? this.#keyInEditor(event) : this.#keyInCell(event)) event.preventDefault();
  }

  /** Do what a key asks for; gives whether it does. */
  #keyInCell(event) {
    const at = this.#at(event.target);
    const { key, ctrlKey, metaKey, altKey } = event;
    const command = ctrlKey || metaKey;
    if (!at) return false;
    if (commandOf(event)) this.onCommand(commandOf(event));
    else if (key === 'Enter' || key === 'F2') this.#open(at.cell.element);
    else if (key.startsWith('Arrow') || /^(Home|End|Page)/.test(key)) this.#step(at, key, command);
    else if (key === 'Delete' || key === 'Backspace') this.#clearCell(at);
    else if (key.length === 1 && !command && !altKey) this.#open(at.cell.element, { typed: key });
    else return false;
    return true;
  }

  #keyInEditor(event) {
    const { key, shiftKey, isComposing } = event;
    const { cell } = this.#editing.now;
    if (isComposing) return false;
    if (commandOf(event) === 'add') {
      this.commit();
      cell.element.focus();
      this.onCommand('add');
    } else if (key === 'Enter' && !shiftKey) {
      this.commit();
      cell.element.focus();
    } else if (key === 'Escape') {
      this.#editing.cancel();
      cell.element.focus();
    } else if (key === 'Tab') {
      const at = this.#at(cell.element);
      this.commit();
      this.#step(at, shiftKey ? 'ArrowLeft' : 'ArrowRight');
    } else return false;
    return true;
  }

  get #lines() {
    return [...this.#table.querySelectorAll('.requirement, .block')];
  }

  #step({ cell }, key, command = false) {
    target(this.#lines, cell.element, key, command).focus();
  }

  #clearCell({ row, cell }) {
    if (this.#editable) this.#editing.clear(row, cell);
    else this.onNews(READ_ONLY);
  }

  #open(element, how) {
    const at = this.#at(element);
    if (!at) return;
    if (at.cell.column.readOnly) return this.onCommand('details');
    if (!this.#editable) return this.onNews(READ_ONLY);
    this.#editing.open(at.row, at.cell, how);
  }

  /** Somebody else has changed what is being edited here. */
  #warn({ actor }) {
    const name = actor ? nameOf(actor.id) : 'Gateway';
    this.#editing.hint(`${name} has changed this as well. Saving puts both together, or asks you.`);
  }
}
