// The change set that is shown in the table: what it proposes for each row.

import { changesOf } from './details.js';

let items = new Map();

/** Let the table show these items of a change set, none to show none; returns the IDs of their rows. */
export function propose(list) {
  const before = [...items.keys()];
  items = new Map(list.map((item) => {
    const fields = new Map(changesOf(item).map((change) => [change.field, change]));
    return [item.entityId, { fields, isDeletion: item.action === 'DELETE' }];
  }));
  return new Set([...before, ...items.keys()]);
}

/** What is proposed for a row: the changes by field, and whether it is to be deleted. */
export function proposedFor(id) {
  return items.get(id);
}
