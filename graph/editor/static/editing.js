// Editing in place: what opens in a cell, which keys decide, and what is added to the edits.

import { words } from './columns.js';
import { make } from './elements.js';

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
    const editor = this.#editor(column, before);
    editor.classList.add('editor');
    editor.setAttribute('aria-label', column.label);
    const { version } = this.#document.row(row.type, row.id);
    this.#now = { editor, cell, row, field: column.field, version, before };
    cell.element.classList.add('editing');
    cell.element.removeAttribute('tabindex'); // the editor is what can be reached now
    cell.element.append(editor);
    editor.focus();
    this.onWriting({ entityId: row.id, field: column.field });
    if (column.kind === 'choice') this.#decideByPointer(editor, Boolean(typed));
    else this.#fit(editor, typed ?? before ?? '', all);
  }

  /** Add what is being typed to the edits. */
  commit() {
    if (!this.#now) return;
    const { editor, cell, row, field, version, before } = this.#now;
    this.#now = null;
    const value = editor.value === '' && !cell.column.required ? null : editor.value;
    editor.remove();
    cell.element.querySelector('.hint')?.remove();
    cell.element.classList.remove('editing');
    cell.element.tabIndex = 0;
    this.onWriting(null);
    if (value !== before)
      this.#edits.add({ type: row.type, id: row.id, field, value, before, version });
  }

  /** Leave the cell as it was. */
  cancel() {
    if (!this.#now) return;
    this.#now.editor.value = this.#now.before ?? '';
    this.commit();
  }

  /** Say something about the cell that is being edited, beneath it. */
  hint(text) {
    if (!this.#now) return;
    const { cell, editor } = this.#now;
    cell.element.querySelector('.hint')?.remove();
    editor.after(make('p', { className: 'hint' }, text));
    this.onNews(text);
  }

  #editor(column, value) {
    if (column.kind !== 'choice') return make('textarea');
    const options = this.#choices[column.type].map((name) =>
      make('option', { value: name, selected: name === value }, words(column, name)),
    );
    return make('select', {}, ...options);
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

  #fit(editor, text, all) {
    editor.rows = 1;
    editor.value = text;
    editor.setSelectionRange(all ? 0 : text.length, text.length);
    const fit = () => {
      editor.style.height = 'auto';
      editor.style.height = `${editor.scrollHeight}px`;
    };
    editor.addEventListener('input', fit);
    fit();
  }
}
