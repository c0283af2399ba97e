// What is done with a whole row: the toolbar above the table, and the keys for it.

import { dragRows } from './dragging.js';
import { make } from './elements.js';
import { placeBehind, placeOf, positionAt, stepFrom } from './places.js';

const NEW = 'New requirement';
const ACTIONS = [
  { name: 'add', label: 'Add', title: 'Add a requirement below', keys: 'Control+Enter' },
  { name: 'delete', label: 'Delete', title: 'Delete the requirement', keys: 'Control+Delete', row: true },
  { name: 'up', label: 'Up', title: 'Move the requirement up', keys: 'Alt+ArrowUp', row: true },
  { name: 'down', label: 'Down', title: 'Move the requirement down', keys: 'Alt+ArrowDown', row: true },
  { name: 'undo', label: 'Undo', title: 'Undo your last change', keys: 'Control+Z' },
  { name: 'redo', label: 'Redo', title: 'Redo the last undone change', keys: 'Control+Shift+Z' },
  { name: 'details', label: 'Details', title: 'Show links, tests and history', keys: 'Alt+Enter', row: true, reads: true },
  { name: 'drawings', label: 'Drawings', title: 'Show the drawings of the project', reads: true },
  { name: 'suggestions', label: 'Suggestions', title: 'Show and make suggestions', keys: 'Alt+S', reads: true },
  { name: 'reviews', label: 'Reviews', title: 'Show, request and give reviews', keys: 'Alt+R', reads: true },
  { name: 'link', label: 'Link', title: 'Copy a link to the requirement', row: true, reads: true },
];

/** How an edit is called when it is undone or redone. */
const CALLED = { create: 'adding', delete: 'deleting', restore: 'deleting', move: 'moving', revert: 'going back' };

/**
 * Carries out what is asked of rows, as edits.
 *
 * `onNews(text)` is told what to read out, `onSay(text, label, way)` what to show for a while, with a
 * way on, `onDetails(row)` whose details are to be shown, `onSuggestions(row)` and `onReviews(row)`
 * where suggestions and reviews are.
 */
export class Commands {
  #bar;
  #live;
  #edits;
  #undo;
  #grid;
  #buttons = new Map();
  #added = null; // the key of the edit that makes a row which is to be opened
  onNews = () => {};
  onSay = () => {};
  onDetails = () => {};
  onDrawings = () => {};
  onSuggestions = () => {};
  onReviews = () => {};

  constructor(bar, live, edits, undo, grid) {
    [this.#bar, this.#live, this.#edits, this.#undo, this.#grid] = [bar, live, edits, undo, grid];
    for (const action of ACTIONS) this.#buttons.set(action.name, this.#button(action));
    bar.replaceChildren(...this.#buttons.values());
    bar.hidden = false;
    bar.addEventListener('keydown', (event) => this.#step(event));
    addEventListener('keydown', (event) => this.#key(event));
    grid.onCommand = (name) => this.run(name);
    dragRows(document.getElementById('grid'), (id, behind) => this.drop(id, behind));
    this.show();
  }

  /** Show what can be done now. */
  show() {
    const mayWrite = this.#live.head.viewerCan.create;
    const isRow = this.#grid.current?.type === 'Requirement';
    const can = { undo: this.#undo.canUndo, redo: this.#undo.canRedo };
    for (const { name, row, reads } of ACTIONS) {
      const isPossible = (mayWrite || reads) && (can[name] ?? (!row || isRow));
      this.#buttons.get(name).setAttribute('aria-disabled', String(!isPossible));
    }
  }

  /** Do something with the row that this person is at. */
  run(name) {
    if (this.#bar.hidden) return;
    if (this.#buttons.get(name).getAttribute('aria-disabled') === 'true')
      return this.onNews('This is not possible here.');
    this.#grid.commit();
    if (name === 'add') this.#add();
    else if (name === 'delete') this.#delete(this.#grid.current);
    else if (name === 'up' || name === 'down') this.#move(this.#grid.current, name);
    else if (name === 'details') this.onDetails(this.#grid.current);
    else if (name === 'drawings') this.onDrawings();
    else if (name === 'suggestions') this.onSuggestions(this.#grid.current);
    else if (name === 'reviews') this.onReviews(this.#grid.current);
    else if (name === 'link') this.#copy(this.#grid.current);
    else this.#back(name);
  }

  async #copy({ id }) {
    const address = `${location.origin}${location.pathname}#requirement=${id}`;
    history.replaceState(null, '', `#requirement=${id}`);
    try {
      await navigator.clipboard.writeText(address);
      this.onSay('Link copied.');
    } catch {
      this.onSay(`The link is in the address of this page: ${address}`);
    }
  }

  /** An edit is done: show its row where it matters to whoever did it. */
  done({ kind, key, from, field }, row) {
    if (kind === 'create' && key === this.#added) this.#grid.await(row.id, 'name', true);
    else if (from && kind !== 'delete') this.#grid.await(row.id, field ?? this.#grid.field);
  }

  #add() {
    const { sections, requirements } = this.#live;
    const at = this.#grid.current;
    const place = at ? placeBehind(sections, at) : { blockId: null };
    const position = positionAt(requirements, place);
    const value = { documentId: this.#live.id, blockId: place.blockId, name: NEW, position };
    this.#added = this.#edits.add({ kind: 'create', type: 'Requirement', value }).key;
  }

  #delete(row) {
    const { name, version } = this.#live.row(row.type, row.id);
    this.#grid.leave(row);
    this.#edits.add({ kind: 'delete', type: row.type, id: row.id, version });
    this.onSay(`Deleted: ${name}`, 'Undo', () => this.run('undo'));
  }

  #move({ id }, name) {
    const shown = this.#grid.filtered(this.#live.sections);
    const place = stepFrom(shown, id, name === 'up' ? -1 : 1);
    if (!place) return this.onNews('It is at the end of the document.');
    this.#put(id, place);
    this.onNews(name === 'up' ? 'Moved up.' : 'Moved down.');
  }

  /** Move a requirement behind another, or to the start of a block: where it was dropped. */
  drop(id, behind) {
    if (!this.#live.head.viewerCan.create || !this.#live.row('Requirement', id) || id === behind.id) return;
    this.#put(id, placeBehind(this.#live.sections, behind));
  }

  #put(id, place) {
    const { sections, requirements } = this.#live;
    const known = requirements.get(id);
    const now = this.#edits.underWay(id, 'move')?.value ?? known;
    const before = { ...placeOf(sections, id), position: now.position };
    const value = { ...place, position: positionAt(this.#standing(requirements), place) };
    this.#edits.add({ kind: 'move', type: 'Requirement', id, value, before, version: known.version });
    this.#grid.await(id, this.#grid.field);
  }

  /** The rows with the places of those that are being moved. */
  #standing(requirements) {
    const places = [...requirements].map(([id, row]) => [id, this.#live.standing(id) ?? row]);
    return new Map(places);
  }

  #back(name) {
    const edit = this.#undo.back(name);
    if (!edit) return;
    const called = CALLED[edit.kind] ?? 'a change';
    this.onNews(`${name === 'undo' ? 'Undone' : 'Done again'}: ${called}.`);
  }

  #button({ name, label, title, keys }) {
    const told = keys ? `${title} (${keys})` : title;
    const button = make('button', { type: 'button', tabIndex: -1, title: told }, label);
    if (keys) button.setAttribute('aria-keyshortcuts', keys);
    button.dataset.command = name;
    if (!this.#buttons.size) button.tabIndex = 0;
    button.addEventListener('click', () => this.run(name));
    return button;
  }

  /** Arrows go from button to button, as in any toolbar. */
  #step(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const buttons = [...this.#buttons.values()];
    const index = buttons.indexOf(event.target);
    if (!step || index < 0) return;
    const next = buttons.at((index + step) % buttons.length);
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }

  /** Control+Z anywhere but in a field, whose own undo it is there. */
  #key(event) {
    const { key, ctrlKey, metaKey, shiftKey, target } = event;
    const isUndo = (ctrlKey || metaKey) && key.toLowerCase() === 'z';
    if (!isUndo || target.closest?.('input, textarea, select')) return;
    event.preventDefault();
    this.run(shiftKey ? 'redo' : 'undo');
  }
}
