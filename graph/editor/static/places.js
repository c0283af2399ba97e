// Where a row stands among others, and where it goes: a step up or down, or behind another.

/** The section and the index of a row in it, among all rows of the document. */
export function whereIs(sections, id) {
  for (const [number, { rows }] of sections.entries()) {
    const index = rows.findIndex((row) => row.id === id);
    if (index >= 0) return { number, index };
  }
  return null;
}

const blockOf = ({ block }) => block?.id ?? null;

/** The place of a row, by its neighbour, as `requirementMove` takes it; `position` is for the screen. */
function placeBetween(section, before, after) {
  const at = before ? { after: before.id } : after && { before: after.id };
  return { blockId: blockOf(section), ...(at && { at }) };
}

/** The place at which a row stands now. */
export function placeOf(sections, id) {
  const { number, index } = whereIs(sections, id);
  const { rows } = sections[number];
  return placeBetween(sections[number], rows[index - 1], rows[index + 1]);
}

/**
 * The place one step up (-1) or down (1), past the next row that is shown; beyond the first and the
 * last row of a block in the next block. Null at either end of the document.
 */
export function stepFrom(sections, id, step) {
  const { number, index } = whereIs(sections, id) ?? {};
  if (number === undefined) return null;
  const { rows } = sections[number];
  const next = rows[index + step];
  if (next) {
    const beyond = rows[index + 2 * step];
    return step > 0
      ? placeBetween(sections[number], next, beyond)
      : placeBetween(sections[number], beyond, next);
  }
  const section = sections[number + step];
  if (!section) return null;
  const last = step < 0;
  return placeBetween(section, last ? section.rows.at(-1) : null, last ? null : section.rows[0]);
}

/** The place behind a row, or at the start of a block. */
export function placeBehind(sections, { type, id }) {
  if (type === 'Block') {
    const section = sections.find(({ block }) => block?.id === id);
    return placeBetween(section, null, section.rows[0]);
  }
  const { number, index } = whereIs(sections, id);
  return placeBetween(sections[number], sections[number].rows[index]);
}

/** The position that a row gets at a place, as nearly as this page knows. */
export function positionAt(requirements, { at }) {
  const neighbour = requirements.get(at?.after ?? at?.before);
  const others = [...requirements.values()].map(({ position }) => position);
  if (!neighbour) return Math.max(0, ...others) + 1;
  const { position } = neighbour;
  if (at.after) {
    const next = Math.min(...others.filter((other) => other > position));
    return next === Infinity ? position + 1 : (position + next) / 2;
  }
  const previous = Math.max(...others.filter((other) => other < position));
  return previous === -Infinity ? position - 1 : (position + previous) / 2;
}
