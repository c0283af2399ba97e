// What the table shows of a requirement; another field is another line here and in FIELDS.

export const COLUMNS = [
  { field: 'externalId', label: 'ID', kind: 'line' },
  { field: 'name', label: 'Requirement', kind: 'line' },
  { field: 'description', label: 'Description', kind: 'text' },
  { field: 'status', label: 'Status', kind: 'choice', type: 'RequirementStatus' },
  { field: 'priority', label: 'Priority', kind: 'choice', type: 'RequirementPriority' },
  { field: 'level', label: 'Level', kind: 'choice', type: 'RequirementLevel' },
];

/** The heading of a block. */
export const HEADING = { field: 'name', label: 'Block', kind: 'line' };

const byField = new Map(COLUMNS.map((column) => [column.field, column]));

/** How a field of a type is shown and edited. */
export function columnOf(type, field) {
  return type === 'Block' ? HEADING : byField.get(field);
}

/** Asks for the values that each column of choices has, in their order. */
export const CHOICES = COLUMNS.filter(({ type }) => type)
  .map(({ type }) => `${type}: __type(name: "${type}") { enumValues { name } }`)
  .join('\n');

/** A value as people read it. */
export function words({ kind }, value) {
  if (value === null || value === undefined) return '';
  if (kind !== 'choice') return String(value);
  const text = value.replaceAll('_', ' ').toLowerCase();
  return text[0].toUpperCase() + text.slice(1);
}
