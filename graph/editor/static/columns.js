// What the table shows of a requirement: fields that all have, typed properties, and counts.

import { nameOf } from './people.js';
import { countsOf } from './traces.js';

const FIXED = [
  { field: 'externalId', label: 'ID', kind: 'line' },
  { field: 'name', label: 'Requirement', kind: 'line', required: true },
  { field: 'description', label: 'Description', kind: 'text' },
  { field: 'status', label: 'Status', kind: 'choice', type: 'RequirementStatus', required: true },
  { field: 'priority', label: 'Priority', kind: 'choice', type: 'RequirementPriority', required: true },
  { field: 'level', label: 'Level', kind: 'choice', type: 'RequirementLevel', required: true },
];
const COUNTS = [
  { field: 'links', label: 'Links', kind: 'links', readOnly: true },
  { field: 'tests', label: 'Tests', kind: 'tests', readOnly: true },
];
const KINDS = {
  TEXT: 'text',
  URL: 'line',
  NUMBER: 'number',
  DATE: 'date',
  BOOLEAN: 'boolean',
  SELECT: 'select',
  MULTI_SELECT: 'several',
  USER: 'person',
};
/** How wide the columns are at least, in rem, and what they take of the rest. */
const WIDTHS = {
  ...{ externalId: [6, 0], name: [10, 1], description: [10, 1.6], status: [7.5, 0], priority: [6.5, 0] },
  ...{ level: [7, 0], links: [5, 0.1], tests: [5, 0.1] },
  ...{ text: [7, 0.5], line: [7, 0.5], number: [5, 0.2], date: [7, 0.2], boolean: [4.5, 0] },
  ...{ select: [6, 0.3], several: [7, 0.4], person: [7, 0.3] },
};
const PROPERTY = 'properties.';

/** The heading of a block. */
export const HEADING = { field: 'name', label: 'Block', kind: 'line', required: true };

let columns = [...FIXED, ...COUNTS];
let properties = []; // the columns of all that apply, shown or not

/** The column of a property. */
export function columnOfProperty({ key, name, propertyType, options }) {
  const { choices } = options;
  return { field: PROPERTY + key, key, label: name, kind: KINDS[propertyType], propertyType, choices };
}

/** The columns that the table has now, in their order. */
export const shownColumns = () => columns;

/**
 * Let the table have columns of some of the properties that apply, by their keys in their order.
 *
 * `layouts` has the `width` in pixels of those that have one, and whether they are pinned. Pinned
 * columns come after the ID, and stay in view with it when the table is scrolled.
 */
export function showProperties(definitions, keys, layouts) {
  properties = definitions.map(columnOfProperty);
  const found = keys.map((key) => properties.find((column) => column.key === key)).filter(Boolean);
  const shown = found.map((column) => ({ ...column, ...layouts.get(column.key) }));
  const pinned = shown.filter(({ isPinned }) => isPinned);
  const [id, ...others] = FIXED;
  const atLeft = pinned.length ? placed([{ ...id, isPinned: true }, ...pinned]) : [id];
  columns = [...atLeft, ...others, ...shown.filter(({ isPinned }) => !isPinned), ...COUNTS];
}

/** Pinned columns, each with its distance from the left edge. */
function placed(pinned) {
  let left = '0px';
  return pinned.map((column) => {
    const at = { ...column, left };
    left = `calc(${left} + ${minimumOf(column)})`;
    return at;
  });
}

/** The minimum width of a column, in CSS. */
const minimumOf = ({ field, kind, width }) => (width ? `${width}px` : `${(WIDTHS[field] ?? WIDTHS[kind])[0]}rem`);

/** The track of a column in a CSS grid. A pinned column does not grow: others are placed beside it. */
function trackOf(column) {
  const [, share] = WIDTHS[column.field] ?? WIDTHS[column.kind];
  const minimum = minimumOf(column);
  return share && !column.width && !column.isPinned ? `minmax(${minimum}, ${share}fr)` : minimum;
}

/** The tracks of the table as a CSS grid, and its minimum width. */
export function widths() {
  return { tracks: columns.map(trackOf).join(' '), least: `calc(${columns.map(minimumOf).join(' + ')})` };
}

/** How a field of a type is shown and edited; also of a property that is not shown. */
export function columnOf(type, field) {
  if (type === 'Block') return HEADING;
  const shown = [...columns, ...properties].find((column) => column.field === field);
  if (shown || !field?.startsWith(PROPERTY)) return shown;
  return { field, key: field.slice(PROPERTY.length), label: field.slice(PROPERTY.length), kind: 'text' };
}

/** What a row has in a column. */
export function valueOf({ field, key, kind }, row) {
  if (kind === 'links' || kind === 'tests') return countsOf(row.id)?.[field] ?? null;
  return (key === undefined ? row[field] : row.properties?.[key]) ?? null;
}

/** What is sent to change a field. */
export function inputOf({ field, value }) {
  if (!field.startsWith(PROPERTY)) return { [field]: value };
  return { propertiesPatch: { [field.slice(PROPERTY.length)]: value } };
}

/** Asks for the values that each column of choices has, in their order. */
export const CHOICES = FIXED.filter(({ type }) => type)
  .map(({ type }) => `${type}: __type(name: "${type}") { enumValues { name } }`)
  .join('\n');

/** A name of an enumeration as people read it. */
export function inWords(name) {
  const text = name.replaceAll('_', ' ').toLowerCase();
  return text[0].toUpperCase() + text.slice(1);
}

/** A value as people read it. */
export function words({ kind, choices }, value) {
  if (value === null || value === undefined) return '';
  const label = (id) => choices?.find((choice) => choice.id === id)?.label ?? String(id);
  if (kind === 'choice') return inWords(value);
  if (kind === 'boolean' && typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (kind === 'select') return label(value);
  if (kind === 'several' && Array.isArray(value)) return value.map(label).join(', ');
  if (kind === 'person') return nameOf(value);
  if (kind === 'links') return value.suspect ? `${value.all} · ${value.suspect} suspect` : String(value.all || '');
  if (kind === 'tests') return value.all ? [`${value.passed}/${value.all}`, value.gap].filter(Boolean).join(' · ') : '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What stands out about a value: `bad` or `doubtful`. */
export function markOf({ kind }, value) {
  if (kind === 'links' && value?.suspect) return 'doubtful';
  if (kind === 'tests' && value?.gap) return value.gap === 'failing' ? 'bad' : 'doubtful';
  return null;
}
