// One row of the table: its cells, what others do in it, and what became of edits that were refused.

import { HEADING, markOf, shownColumns, valueOf, words } from './columns.js';
import { changeItem } from './details.js';
import { make } from './elements.js';
import { colorOf, nameOf } from './people.js';
import { proposedFor } from './proposed.js';

const FLASH = 2500; // milliseconds that a change of somebody else stands out

/** The row of the heads of the columns. */
export function heads() {
  const cells = shownColumns().map((column) => {
    const { label, field } = column;
    return pinned(make('th', { role: 'columnheader', scope: 'col', 'data-field': field }, label), column);
  });
  return make('tr', { role: 'row' }, ...cells);
}

/** Keep a cell of a pinned column in view when the table is scrolled. */
function pinned(cell, { left }) {
  if (left !== undefined) {
    cell.classList.add('pinned');
    cell.style.left = left;
  }
  return cell;
}

/** A row of the table for a block or a requirement. */
export class Row {
  #cells = new Map();
  #edits;
  #fresh = []; // the properties whose values are others than before

  constructor({ type, id }, edits, { editable }) {
    this.type = type;
    this.id = id;
    this.#edits = edits;
    const columns = type === 'Block' ? [HEADING] : shownColumns();
    for (const column of columns) this.#cells.set(column.field, new Cell(column, editable));
    const cells = [...this.#cells.values()].map(({ element }) => element);
    this.element = make('tr', { role: 'row', className: type.toLowerCase(), id: `row-${id}` });
    this.element.append(...cells);
    if (type === 'Block') cells[0].colSpan = shownColumns().length;
  }

  /** Whether this person may change it. */
  set editable(editable) {
    for (const cell of this.#cells.values()) cell.editable = editable;
  }

  /** The cell of a field. */
  cell(field) {
    return this.#cells.get(field);
  }

  /** The first cell. */
  get first() {
    return this.#cells.values().next().value;
  }

  /** The cell that an element is. */
  cellOf(element) {
    return [...this.#cells.values()].find((cell) => cell.element === element);
  }

  /** Show the row as it is known, with what has been typed over it. */
  show(row) {
    this.#fresh = [];
    this.row = row;
    const { classList } = this.element;
    classList.toggle('moving', Boolean(this.#edits.underWay(this.id, 'move')));
    classList.toggle('leaving', Boolean(this.#edits.underWay(this.id, 'delete')));
    const proposed = proposedFor(this.id);
    classList.toggle('unwanted', Boolean(proposed?.isDeletion));
    for (const [field, cell] of this.#cells) {
      const value = valueOf(cell.column, row);
      if (cell.column.key && JSON.stringify(value) !== JSON.stringify(cell.value)) this.#fresh.push(cell);
      cell.show(value, this.#edits.of(this.id, field), proposed?.fields.get(field));
    }
  }

  /** Let a change of somebody else stand out for a moment. */
  flash({ actor, changedFields, kind }) {
    const cellsOf = (field) => (field === 'properties' ? this.#fresh : [this.#cells.get(field)]);
    const changed = changedFields.flatMap(cellsOf).filter(Boolean);
    const whole = kind !== 'UPDATED' || !changed.length;
    const cells = whole ? [...this.#cells.values()] : changed;
    const name = actor ? nameOf(actor.id) : 'Gateway';
    for (const cell of cells) cell.flash(actor?.id, cell === cells[0] ? name : '', true);
  }
}

/** One cell: a value, and what stands upon it. */
class Cell {
  #value;
  #here = null;
  #color = 'nobody';
  #tag = null;
  #named = null; // whose name the tag is
  #present = [];
  #timer;

  constructor(column, editable) {
    this.column = column;
    this.#value = make('span', { className: 'value' });
    this.element = make('td', { role: 'gridcell', className: 'cell', tabIndex: -1 }, this.#value);
    this.element.dataset.field = column.field;
    this.element.dataset.label = column.label;
    pinned(this.element, column);
    this.editable = editable;
    if (column === HEADING) {
      this.#value.setAttribute('role', 'heading');
      this.#value.setAttribute('aria-level', '2');
    }
  }

  /** The value that is shown. */
  value = null;

  set editable(editable) {
    if (editable && !this.column.readOnly) this.element.removeAttribute('aria-readonly');
    else this.element.setAttribute('aria-readonly', 'true');
  }

  /** Show a value, or an edit of it; without one, what is proposed for it, word by word. */
  show(known, edit, change) {
    this.value = edit ? edit.value : known;
    const { element, column } = this;
    const isProposed = Boolean(change) && !edit;
    element.classList.toggle('saving', Boolean(edit) && !edit.failure);
    element.classList.toggle('refused', Boolean(edit?.failure));
    const text = words(column, this.value);
    if (isProposed) this.#value.replaceChildren(...changeItem(change)[1].childNodes);
    else if (this.#value.textContent !== text || this.#value.childElementCount) this.#value.textContent = text;
    if (column.kind === 'choice') element.dataset.value = this.value;
    const mark = markOf(column, this.value);
    if (mark) element.dataset.mark = mark;
    else delete element.dataset.mark;
  }

  /** Show who is here: their names, in the colour of whoever came first. */
  present(people) {
    this.#here?.remove();
    this.#here = null;
    this.#present = people;
    this.#showOnce();
    if (!people.length) return;
    const [{ id, writing }] = people;
    const names = people.map((person) => nameOf(person.id)).join(', ');
    const label = make('span', {}, writing ? `${names} …` : names);
    this.#here = make('span', { className: `here ${colorOf(id)}` }, label);
    this.#here.classList.toggle('writing', writing);
    this.element.append(this.#here);
  }

  /** A name that stands here already, because its owner is here, is not shown twice. */
  #showOnce() {
    if (this.#tag) this.#tag.hidden = this.#present.some(({ id }) => id === this.#named);
  }

  /** Stand out for a moment in somebody's colour, with a few words on it, which may be their name. */
  flash(personId, words, isName = false) {
    const { classList } = this.element;
    clearTimeout(this.#timer);
    this.#tag?.remove();
    this.#tag = null;
    // Two animations in turn: a second change restarts it without a layout in between.
    const flash = classList.contains('flash') ? 'flash-again' : 'flash';
    classList.remove('flash', 'flash-again', this.#color);
    this.#color = personId ? colorOf(personId) : 'nobody';
    classList.add(flash, this.#color);
    if (words) {
      this.#tag = make('span', { className: `tag ${this.#color}` }, words);
      this.element.append(this.#tag);
    }
    this.#named = isName ? personId : null;
    this.#showOnce();
    this.#timer = setTimeout(() => {
      classList.remove('flash', 'flash-again', this.#color);
      this.#tag?.remove();
    }, FLASH);
  }
}
