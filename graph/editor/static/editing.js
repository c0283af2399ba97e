// Editing in place: what opens in a cell, which keys decide, and what is added to the edits.

import { make } from './elements.js';
import { fieldFor } from './fields.js';

/**
 * The one cell that is being edited, if any.
 *
 * `onWriting(place)` is told where this person begins to write, and null when they have, `onNews(text)`
 * what to read out.
 */
export class Editing {
  #document;
  #edits;
  #choices;
  #now = null;
  people = []; // whom a property may name
  onWriting = () => {};
  onNews = () => {};

  constructor(document, edits, choices) {
    this.#document = document;
    this.#edits = edits;
    this.#choices = choices;
  }

  /** What is being edited: `{ row, cell, field, editor }`. */
  get now() {
    return this.#now;
  }

  /** Open a cell, with what has been typed in place of its value; `all` selects the whole of it. */
  open(row, cell, { typed, all = false } = {}) {
    if (this.#now?.cell === cell) return;
    this.commit();
    const { column } = cell;
    const raw = cell.value ?? null;
    const before = typeof raw === 'string' ? raw.replace(/\r\n?/g, '\n') : raw; // as a textarea gives it
    const { version } = this.#document.row(row.type, row.id);
    const start = { cell, row, field: column.field, version, before };
    if (column.kind === 'boolean') return this.#save(start, before !== true);
    const given = { choices: this.#choices, people: this.people, typed, all };
    const field = fieldFor(column, before, given);
    field.element.classList.add('editor');
    field.element.setAttribute('aria-label', column.label);
    this.#now = { ...start, editor: field.element, read: field.read };
    cell.element.classList.add('editing');
    cell.element.removeAttribute('tabindex'); // the editor is what can be reached now
    cell.element.append(field.element);
    field.focus();
    this.onWriting({ entityId: row.id, field: column.field });
    if (field.isSelect) this.#decideByPointer(field.element, Boolean(typed));
  }

  /** Let a cell have no value. */
  clear(row, { column, value }) {
    const { version } = this.#document.row(row.type, row.id);
    const cell = { row, field: column.field, version, before: value ?? null };
    if (!column.required && !column.readOnly) this.#save(cell, null);
  }

  /** Add what is being typed to the edits. */
  commit() {
    if (this.#now) this.#end(this.#now.read());
  }

  /** Leave the cell as it was. */
  cancel() {
    if (this.#now) this.#end(this.#now.before);
  }

  /** Say something about the cell that is being edited, beneath it. */
  hint(text) {
    if (!this.#now) return;
    const { cell, editor } = this.#now;
    cell.element.querySelector('.hint')?.remove();
    editor.after(make('p', { className: 'hint' }, text));
    this.onNews(text);
  }

  #end(value) {
    const now = this.#now;
    const { editor, cell } = now;
    this.#now = null;
    editor.remove();
    cell.element.querySelector('.hint')?.remove();
    cell.element.classList.remove('editing');
    cell.element.tabIndex = 0;
    this.onWriting(null);
    this.#save(now, value);
  }

  #save({ row, field, before, version }, value) {
    if (JSON.stringify(value) === JSON.stringify(before)) return;
    this.#edits.add({ type: row.type, id: row.id, field, value, before, version });
  }

  /** Keys go through the choices one by one: Enter, Tab or leaving decides. A pointer decides at once. */
  #decideByPointer(editor, typed) {
    const { cell } = this.#now;
    let byKey = typed;
    editor.addEventListener('keydown', () => (byKey = true));
    editor.addEventListener('pointerdown', () => (byKey = false));
    editor.addEventListener('change', () => {
      if (byKey) return;
      this.commit();
      cell.element.focus();
    });
  }
}
