// The fields with which values are edited, by the kind of their column.

import { inWords } from './columns.js';
import { make } from './elements.js';

const option = (value, label, chosen) => make('option', { value, selected: value === chosen }, label);

/** A field of one of several choices; null stands for none where there may be none. */
function select(choices, value, required) {
  const options = choices.map(({ id, label }) => option(id, label, value));
  const isUnknown = value !== null && !choices.some(({ id }) => id === value);
  if (isUnknown) options.unshift(option(value, String(value), value)); // it was a choice once
  if (!required) options.unshift(option('', 'None', value ?? ''));
  const element = make('select', {}, ...options);
  return { element, read: () => element.value || null, isSelect: true };
}

function several(choices, value) {
  const ids = Array.isArray(value) ? value : [];
  const known = choices.map(({ id }) => id);
  const all = [...choices, ...ids.filter((id) => !known.includes(id)).map((id) => ({ id, label: id }))];
  const boxes = all.map(({ id }) => make('input', { type: 'checkbox', value: id, checked: ids.includes(id) }));
  const labels = all.map(({ label }, index) => make('label', {}, boxes[index], label));
  const element = make('div', { role: 'group', tabIndex: -1 }, ...labels);
  const read = () => {
    const checked = boxes.filter((box) => box.checked).map((box) => box.value);
    return checked.length ? checked : null;
  };
  // Arrows go from choice to choice; Tab leaves.
  element.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    boxes.at((boxes.indexOf(document.activeElement) + step) % boxes.length).focus();
  });
  return { element, read, focus: () => boxes[0]?.focus() };
}

function input(type, value, typed) {
  const element = make('input', { type });
  if (type === 'number') element.step = 'any';
  element.value = typed ?? value ?? '';
  if (typed && !element.value) element.value = value ?? ''; // not the beginning of such a value
  const read = () => {
    if (element.validity.badInput) return value; // half a number or a date is none
    if (element.value === '') return null;
    return type === 'number' ? element.valueAsNumber : element.value;
  };
  return { element, read };
}

/** A field for texts, which grows with them; `all` selects the whole text. */
function area(value, required, typed, all) {
  const text = typed ?? (typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value));
  const element = make('textarea', { rows: 1, value: text });
  const fit = () => {
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  };
  element.addEventListener('input', fit);
  const focus = () => {
    element.focus();
    element.setSelectionRange(all ? 0 : text.length, text.length);
    fit();
  };
  const read = () => (element.value === '' && !required ? null : element.value);
  return { element, read, focus };
}

/**
 * The field of a column: `element`, `read()`, `focus()`, and whether it is a select.
 *
 * `choices` are the names of each enumeration, `people` who may be named.
 */
export function fieldFor(column, value, { choices, people, typed, all }) {
  const { kind, type, required } = column;
  const names = () => choices[type].map((name) => ({ id: name, label: inWords(name) }));
  const persons = () => people.map(({ id, fullName }) => ({ id, label: fullName ?? 'Somebody' }));
  const made = {
    choice: () => select(names(), value, required),
    select: () => select(column.choices, value),
    person: () => select(persons(), value),
    several: () => several(column.choices, value),
    number: () => input('number', value, typed),
    date: () => input('date', value, typed),
  }[kind]?.() ?? area(value, required, typed, all);
  return { focus: () => made.element.focus(), ...made };
}
