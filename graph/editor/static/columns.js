// What the table shows of a requirement: fields that all have, and those of typed properties.

const FIXED = [
  { field: 'externalId', label: 'ID', kind: 'line' },
  { field: 'name', label: 'Requirement', kind: 'line', required: true },
  { field: 'description', label: 'Description', kind: 'text' },
  { field: 'status', label: 'Status', kind: 'choice', type: 'RequirementStatus', required: true },
  { field: 'priority', label: 'Priority', kind: 'choice', type: 'RequirementPriority', required: true },
  { field: 'level', label: 'Level', kind: 'choice', type: 'RequirementLevel', required: true },
];

/** The heading of a block. */
export const HEADING = { field: 'name', label: 'Block', kind: 'line', required: true };

/** The columns that the table has now, in their order. */
export const shownColumns = () => [...FIXED];

/** How a field of a type is shown and edited. */
export function columnOf(type, field) {
  return type === 'Block' ? HEADING : shownColumns().find((column) => column.field === field);
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
export function words({ kind }, value) {
  if (value === null || value === undefined) return '';
  return kind === 'choice' ? inWords(value) : String(value);
}
