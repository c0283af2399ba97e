// Which rows are shown: by text, status, priority and a property. It stands in the address.

import { columnOfProperty, inWords, valueOf, words } from './columns.js';
import { make } from './elements.js';

const PAUSE = 150; // milliseconds without a key until the text counts
const SEARCHED = ['externalId', 'name', 'description'];
const CHOICES = { status: 'RequirementStatus', priority: 'RequirementPriority' };
const NAMES = ['search', 'status', 'priority', 'property', 'is', 'value'];

/** The comparisons of each kind of property; those without a value compare nothing. */
const COMPARISONS = {
  text: ['contains', 'filled', 'empty'],
  line: ['contains', 'filled', 'empty'],
  number: ['least', 'most', 'empty'],
  date: ['least', 'most', 'empty'],
  boolean: ['yes', 'no', 'empty'],
  select: ['one', 'filled', 'empty'],
  several: ['one', 'filled', 'empty'],
  person: ['contains', 'filled', 'empty'],
};
const LABELS = {
  contains: 'contains',
  least: 'is at least',
  most: 'is at most',
  one: 'is',
  yes: 'is yes',
  no: 'is no',
  filled: 'has a value',
  empty: 'is empty',
};
const VALUELESS = new Set(['yes', 'no', 'filled', 'empty']);

const folded = (text) => String(text).toLocaleLowerCase();

/** Whether a value of a property compares as asked. */
function compares(column, is, asked, value) {
  if (is === 'empty') return value === null;
  if (value === null) return false;
  if (is === 'filled') return true;
  if (is === 'yes' || is === 'no') return value === (is === 'yes');
  if (asked === '') return true;
  if (is === 'contains') return folded(words(column, value)).includes(folded(asked));
  if (is === 'one') return Array.isArray(value) ? value.includes(asked) : value === asked;
  const [one, other] = column.kind === 'number' ? [Number(value), Number(asked)] : [String(value), asked];
  return is === 'least' ? one >= other : one <= other;
}

/** Sections with the rows that are shown, without those of blocks that have none but are not `kept`. */
export function withRows(sections, isShown, kept) {
  const shown = sections.map((section) => ({ ...section, rows: section.rows.filter(isShown) }));
  return shown.filter(({ block, rows }) => rows.length || (block && kept.includes(block.id)));
}

/** The function of rows that a filter is, or null when it lets every row pass. */
function matching({ search, status, priority, property, is, value }, definitions) {
  const tests = [];
  const wanted = folded(search ?? '').split(/\s+/).filter(Boolean);
  if (wanted.length)
    tests.push((row) => {
      const text = folded(SEARCHED.map((field) => row[field] ?? '').join('\n'));
      return wanted.every((word) => text.includes(word));
    });
  if (status) tests.push((row) => row.status === status);
  if (priority) tests.push((row) => row.priority === priority);
  const definition = definitions.find(({ key }) => key === property);
  if (definition) {
    const column = columnOfProperty(definition);
    tests.push((row) => compares(column, is, value ?? '', valueOf(column, row)));
  }
  return tests.length ? (row) => tests.every((test) => test(row)) : null;
}

const labelled = (label, field) => make('label', {}, make('span', {}, label), field);
const options = (pairs, chosen) =>
  pairs.map(([value, label]) => make('option', { value, selected: value === (chosen ?? '') }, label));

/**
 * The fields above the table. `onChange(matches)` is told the function of rows that is asked for, or
 * null, and `onChoose(key, isShown)` which property is to be a column.
 */
export class Filter {
  #element;
  #definitions;
  #choices;
  #asked = {};
  #text = make('input', { type: 'search', placeholder: 'Search' });
  #menus = make('div', { className: 'menus' });
  #count = make('span', { role: 'status', className: 'count' });
  #timer;
  onChange = () => {};

  constructor(element, definitions, choices) {
    [this.#element, this.#definitions, this.#choices] = [element, definitions, choices];
    this.#read();
    this.#text.setAttribute('aria-label', 'Search requirements');
    this.#text.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ask({ search: this.#text.value }), PAUSE);
    });
    element.replaceChildren(this.#text, this.#menus, this.#count);
    element.hidden = false;
    this.show();
  }

  /** The function of rows that is asked for. */
  get matches() {
    return matching(this.#asked, this.#definitions.all);
  }

  /** Show every row. */
  clear() {
    this.#asked = {};
    this.#tell();
    this.show();
  }

  /** Show how many of all rows there are. */
  count(shown, all) {
    const text = this.matches ? `${shown} of ${all}` : `${all}`;
    if (this.#count.textContent !== text) this.#count.textContent = text;
  }

  /** Show the fields anew: there are other definitions, or another address. */
  show() {
    const { search, status, priority } = this.#asked;
    if (document.activeElement !== this.#text) this.#text.value = search ?? '';
    const choice = (name, chosen) => {
      const named = this.#choices[CHOICES[name]].map((value) => [value, inWords(value)]);
      return this.#select(inWords(name), [['', 'Any'], ...named], chosen, (value) => ({ [name]: value }));
    };
    const panel = make('div', { className: 'panel' }, choice('status', status), choice('priority', priority));
    panel.append(...this.#propertyFields());
    const clear = make('button', { type: 'button', className: 'button second' }, 'Show all');
    clear.addEventListener('click', () => this.clear());
    panel.append(clear);
    const filter = this.#menu('Filter', panel);
    filter.classList.toggle('set', Object.keys(this.#asked).some((name) => name !== 'search'));
    this.#menus.replaceChildren(filter, this.#columns());
  }

  #propertyFields() {
    const all = this.#definitions.all;
    const { property, is, value } = this.#asked;
    if (!all.length) return [];
    const pairs = [['', 'Any'], ...all.map(({ key, name }) => [key, name])];
    const first = (key) => {
      const definition = all.find((each) => each.key === key);
      const kind = definition && columnOfProperty(definition).kind;
      return { property: key, is: kind && COMPARISONS[kind][0], value: undefined };
    };
    const fields = [this.#select('Property', pairs, property, first, true)];
    const definition = all.find(({ key }) => key === property);
    if (!definition) return fields;
    const column = columnOfProperty(definition);
    const comparisons = COMPARISONS[column.kind].map((name) => [name, LABELS[name]]);
    fields.push(this.#select('Comparison', comparisons, is, (name) => ({ is: name }), true));
    if (VALUELESS.has(is)) return fields;
    if (is === 'one') {
      const choices = [['', 'Any'], ...column.choices.map(({ id, label }) => [id, label])];
      return [...fields, this.#select('Value', choices, value, (chosen) => ({ value: chosen }))];
    }
    const type = { number: 'number', date: 'date' }[column.kind] ?? 'text';
    const field = make('input', { type, value: value ?? '' });
    field.addEventListener('input', () => this.#ask({ value: field.value }));
    return [...fields, labelled('Value', field)];
  }

  /** Check boxes for the properties that are columns. */
  #columns() {
    const { all, shown } = this.#definitions;
    const boxes = all.map(({ key, name }) => {
      const box = make('input', { type: 'checkbox', checked: shown.includes(key) });
      box.addEventListener('change', () => this.#definitions.choose(key, box.checked));
      return make('label', { className: 'tick' }, box, name);
    });
    const none = make('p', {}, 'No properties are defined for this document.');
    return this.#menu('Columns', make('div', { className: 'panel' }, ...(boxes.length ? boxes : [none])));
  }

  /** A menu, which stays open while it is shown anew. */
  #menu(label, panel) {
    const id = `menu-${label.toLowerCase()}`;
    const before = document.getElementById(id);
    const menu = make('details', { id, className: 'menu', open: before?.open ?? false });
    menu.append(make('summary', {}, label), panel);
    menu.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      menu.open = false;
      menu.firstElementChild.focus();
    });
    return menu;
  }

  #select(label, pairs, chosen, asks, again = false) {
    const select = make('select', {}, ...options(pairs, chosen));
    select.addEventListener('change', () => {
      this.#ask(asks(select.value));
      if (!again) return;
      this.show();
      const labels = [...this.#element.querySelectorAll('label')];
      labels.find(({ firstChild }) => firstChild.textContent === label)?.lastChild.focus();
    });
    return labelled(label, select);
  }

  #read() {
    const given = new URLSearchParams(location.search);
    this.#asked = Object.fromEntries(NAMES.map((name) => [name, given.get(name)]).filter(([, value]) => value));
  }

  #ask(members) {
    const asked = Object.entries({ ...this.#asked, ...members }).filter(([, value]) => value);
    this.#asked = Object.fromEntries(asked);
    document.getElementById('menu-filter')?.classList.toggle('set', asked.some(([name]) => name !== 'search'));
    this.#tell();
  }

  #tell() {
    const query = new URLSearchParams(this.#asked).toString();
    history.replaceState(null, '', location.pathname + (query && `?${query}`) + location.hash);
    this.onChange(this.matches);
  }
}
