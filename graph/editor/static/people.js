// The people of a document: what they are called, and the colour that each has on every screen.

const COLORS = 8;

const names = new Map();

/** Remember what somebody is called; gives them back. */
export function meet(person) {
  if (person?.fullName) names.set(person.id, person.fullName);
  return person;
}

/** What somebody is called, as far as this page has heard. */
export function nameOf(id) {
  return names.get(id) ?? 'Somebody';
}

/** The class that gives somebody's colour: the same for the same person, wherever it is computed. */
export function colorOf(id) {
  let sum = 0;
  for (const character of String(id)) sum = (sum * 31 + character.charCodeAt(0)) % 65_521;
  return `person-${sum % COLORS}`;
}

/** Up to two letters that stand for a name. */
export function initials(name) {
  const [first, ...others] = name.trim().split(/\s+/);
  return (first[0] + (others.at(-1)?.[0] ?? '')).toUpperCase();
}
