// The drawer with the open change sets that concern the document: what each proposes, word by word,
// its conflicts and its impact; they are resolved, applied and withdrawn, and a change of the
// requirement that this person is at is suggested.

import { ask } from './api.js';
import { inWords } from './columns.js';
import { changeItem, changesOf } from './details.js';
import { make, renew } from './elements.js';

const [SETS, ITEMS] = [20, 50];
const SOON = 800; // milliseconds that several changes are waited for
const ITEM = `id version entityType entityId action base proposed place { containerId }
  changes { field old new diff { kind text } } conflicts { field base current proposed }
  current { ... on Document { name } ... on Block { name } ... on Requirement { externalId name } }`;
const LIST = `query ($project: UUID!) {
  project(id: $project) {
    changeSets(first: ${SETS}, filter: { state: { eq: OPEN } }, orderBy: [{ by: CREATED_AT, direction: DESC }]) {
      totalCount
      nodes {
        id name version viewerCan { update } createdBy { fullName }
        items(first: ${ITEMS}) { totalCount nodes { entityId base proposed } }
      }
    }
  }
}`;
const READ = `query ($id: UUID!) {
  changeSet(id: $id) {
    version state
    items(first: ${ITEMS}) { totalCount nodes { ${ITEM} } }
    impact {
      suspectLinks(first: 1) { totalCount } detachedLinks(first: 1) { totalCount }
      staleExecutions(first: 1) { totalCount } reached { totalCount }
    }
  }
}`;
const RESOLVE = `mutation ($item: UUID!, $version: BigInt!, $how: [ChangeSetResolutionInput!]!) {
  changeSetResolve(itemId: $item, expectedVersion: $version, resolutions: $how) { changeSet { id } } }`;
const REMOVE = `mutation ($id: UUID!, $items: [UUID!]!) {
  changeSetRemove(id: $id, itemIds: $items) { changeSet { id } } }`;
const APPLY = `mutation ($id: UUID!, $version: BigInt!) {
  changeSetApply(id: $id, expectedVersion: $version) { changeSet { id } } }`;
const WITHDRAW = `mutation ($id: UUID!, $version: BigInt!) {
  changeSetWithdraw(id: $id, expectedVersion: $version) { changeSet { id } } }`;
const CREATE = `mutation ($input: ChangeSetCreateInput!) {
  changeSetCreate(input: $input) { changeSet { id } } }`;
const EDIT = `mutation ($id: UUID!, $items: [ChangeSetEditInput!]!) {
  changeSetEdit(id: $id, items: $items) { changeSet { id } } }`;
const DID = { CREATE: 'Add', UPDATE: 'Change', DELETE: 'Delete', RESTORE: 'Restore' };
const IMPACT = [
  ['suspectLinks', 'links become suspect'],
  ['detachedLinks', 'links lose an end'],
  ['staleExecutions', 'test results become stale'],
  ['reached', 'objects are reached by links'],
];

function button(label, action, { name, isMain } = {}) {
  const made = make('button', { type: 'button', className: isMain ? 'button' : 'button second' }, label);
  if (name) made.setAttribute('aria-label', name);
  made.addEventListener('click', action);
  return made;
}

/** What an object is called: as it is now, or as it is proposed. */
function called({ entityType, current, proposed }) {
  if (entityType === 'TRACE_LINK') return 'a trace link';
  const name = current?.name ?? proposed?.name ?? 'an object that is not visible to you';
  return [current?.externalId, name].filter(Boolean).join(' ');
}

/**
 * The drawer. `onNews(text)` is told what was done, and what could not be; `onGo(id)` to which
 * requirement to go; `onPropose(items)` what the table is to show in its rows.
 */
export class Suggestions {
  #element;
  #live;
  #back = null;
  #row = null; // the requirement that a change is suggested of
  #inTable = null; // the ID of the change set that the table shows
  #open = new Set(); // the ids of the change sets that are unfolded
  #sets = [];
  #number = 0;
  #timer;
  onNews = () => {};
  onGo = () => {};
  onPropose = () => {};

  constructor(element, live) {
    [this.#element, this.#live] = [element, live];
    element.addEventListener('keydown', ({ key }) => key === 'Escape' && this.close());
  }

  /** Show the change sets; the focus comes back to an element when the drawer is closed. */
  async open(row, back) {
    [this.#row, this.#back] = [row?.type === 'Requirement' ? row.id : null, back];
    this.#element.hidden = false;
    const heading = make('h2', { tabIndex: -1 }, 'Suggestions');
    const close = button('Close', () => this.close());
    this.#element.replaceChildren(make('div', { className: 'head' }, heading, close));
    heading.focus();
    await this.#read();
  }

  /** Show nothing. */
  close() {
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    this.#number++;
    this.#element.replaceChildren();
    this.#back?.focus();
  }

  /** What is shown may have changed: read it again, soon, unless somebody writes in it. */
  changed() {
    if (this.#element.hidden && !this.#inTable) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#refresh();
      const isWriting = this.#element.contains(document.activeElement) && document.activeElement.closest('form');
      if (!this.#element.hidden && !isWriting) this.#read();
    }, SOON);
  }

  /** A row has changed: what the table shows of a change set was compared with it. */
  rowChanged() {
    if (this.#inTable) this.changed();
  }

  /** Show a change set in the table, or none; the buttons of all of them tell which. */
  #show(id, items = []) {
    this.#inTable = id;
    this.onPropose(items);
    for (const toggle of this.#element.querySelectorAll('[data-set]'))
      toggle.setAttribute('aria-pressed', String(toggle.dataset.set === id));
  }

  /** Show in the table what its change set proposes now, as long as that is open. */
  async #refresh() {
    const id = this.#inTable;
    const { changeSet } = id ? await ask(READ, { id }).catch(() => ({})) : {};
    if (!id || id !== this.#inTable) return;
    if (changeSet?.state === 'OPEN') this.#show(id, changeSet.items.nodes);
    else this.#show(null);
  }

  async #read() {
    const number = ++this.#number;
    const project = this.#live.head.project?.id;
    let sets, failure;
    try {
      if (project) sets = (await ask(LIST, { project })).project?.changeSets.nodes;
    } catch (error) {
      failure = error;
    }
    if (number !== this.#number) return;
    this.#sets = (sets ?? []).filter((set) => this.#concerns(set));
    const none = failure?.message ?? (sets ? 'No open change set concerns this document.' : 'Change sets are not visible to you.');
    const parts = this.#sets.map((set) => this.#set(set));
    if (!parts.length) parts.push(make('p', { className: 'quiet' }, none));
    if (this.#row && this.#live.head.viewerCan.create) parts.push(this.#form());
    renew(this.#element, parts);
  }

  /** Whether a change set proposes something about this document; one that is empty may come to. */
  #concerns({ items: { totalCount, nodes } }) {
    const { id } = this.#live;
    const isHere = ({ entityId, base, proposed }) =>
      entityId === id || this.#live.row('Requirement', entityId) || this.#live.row('Block', entityId) ||
      [base, proposed].some((side) => side?.documentId === id || this.#live.row('Requirement', side?.sourceId));
    return totalCount === 0 || totalCount > nodes.length || nodes.some(isHere);
  }

  #set({ id, name, createdBy, viewerCan, items }) {
    const count = `${items.totalCount} ${items.totalCount === 1 ? 'change' : 'changes'}`;
    const by = createdBy ? ` by ${createdBy.fullName}` : '';
    const title = make('summary', {}, make('strong', {}, name), ' ', make('span', { className: 'quiet' }, count + by));
    const set = make('details', { className: 'suggestion' }, title);
    set.addEventListener('toggle', () => {
      this.#open[set.open ? 'add' : 'delete'](id);
      if (set.open && set.children.length === 1) this.#fill(set, id, name, viewerCan.update);
    });
    set.open = this.#open.has(id);
    return set;
  }

  async #fill(set, id, name, mayWrite) {
    const { changeSet } = await ask(READ, { id }).catch((failure) => {
      this.onNews(failure.message);
      return {};
    });
    if (!changeSet) return;
    const { version, items, impact } = changeSet;
    const list = make('ul', {}, ...items.nodes.map((item) => this.#item(id, item, mayWrite)));
    const turn = () => (this.#inTable === id ? this.#show(null) : this.#show(id, items.nodes));
    const toggle = button('Show in the table', turn, { name: `Show in the table: ${name}` });
    toggle.dataset.set = id;
    toggle.setAttribute('aria-pressed', String(this.#inTable === id));
    const parts = [make('div', { className: 'choices' }, toggle), list];
    if (items.totalCount > items.nodes.length)
      parts.push(make('p', { className: 'quiet' }, `The first ${items.nodes.length} of ${items.totalCount}.`));
    const counts = IMPACT.filter(([field]) => impact?.[field].totalCount);
    const told = counts.map(([field, text]) => `${impact[field].totalCount} ${text}`).join(', ');
    if (told) parts.push(make('p', { className: 'quiet' }, `If it is applied: ${told}.`));
    if (mayWrite) {
      const isBlocked = !items.totalCount || items.nodes.some(({ conflicts }) => conflicts.length);
      const apply = button('Apply', () => this.#do(APPLY, { id, version }, 'Applied.'), { isMain: true });
      apply.disabled = isBlocked;
      const withdraw = button('Withdraw', () => this.#do(WITHDRAW, { id, version }, 'Withdrawn.'));
      parts.push(make('div', { className: 'choices' }, apply, withdraw));
      if (isBlocked && items.totalCount)
        parts.push(make('p', { className: 'quiet' }, 'It can be applied when its conflicts are resolved.'));
    }
    set.replaceChildren(set.firstElementChild, ...parts);
  }

  /** One proposed change: of what, the words that differ, and what is in conflict. */
  #item(id, item, mayWrite) {
    const { entityId, entityType, action, changes, conflicts, place } = item;
    const isMoved = action === 'UPDATE' && place;
    const what = `${isMoved && !changes.length ? 'Move' : DID[action]} ${called(item)}`;
    const isHere = entityType === 'REQUIREMENT' && this.#live.row('Requirement', entityId);
    const title = isHere ? button(what, () => this.onGo(entityId), { name: `${what}: go to it` }) : make('strong', {}, what);
    if (isHere) title.className = 'plain';
    const shown = make('li', {}, title);
    const words = changesOf({ changes }).flatMap(changeItem);
    if (words.length) shown.append(make('dl', {}, ...words));
    if (isMoved && changes.length) shown.append(make('p', { className: 'quiet' }, 'It is moved, too.'));
    for (const conflict of conflicts) shown.append(this.#conflict(item, conflict, mayWrite));
    if (mayWrite)
      shown.append(button('Remove', () => this.#do(REMOVE, { id, items: [item.id] }, 'Removed.'), { name: `Remove: ${what}` }));
    return shown;
  }

  #conflict({ id, version }, { field, current, proposed }, mayWrite) {
    const label = inWords(field.replace(/([A-Z])/g, ' $1'));
    const text = (value) => (value === null || value === undefined ? 'nothing' : typeof value === 'object' ? JSON.stringify(value) : String(value));
    const told = `${label}: others have changed this to “${text(current)}”.`;
    const part = make('div', { className: 'conflict', role: 'group', 'aria-label': `Conflict: ${label}` }, make('p', {}, told));
    if (!mayWrite) return part;
    const resolve = (keep) => this.#do(RESOLVE, { item: id, version, how: [{ field, keep }] }, 'Resolved.');
    part.append(
      button(`Keep “${text(proposed).slice(0, 40)}”`, () => resolve('PROPOSED')),
      button('Keep the current value', () => resolve('CURRENT')),
    );
    return part;
  }

  /** The form that suggests a change of the requirement that this person was at. */
  #form() {
    const row = this.#live.row('Requirement', this.#row);
    if (!row) return '';
    const into = make('select', { name: 'into' }, make('option', { value: '' }, 'A new change set'));
    for (const { id, name, viewerCan } of this.#sets)
      if (viewerCan.update) into.append(make('option', { value: id }, name));
    const name = make('input', { name: 'name', value: row.name, required: true });
    const description = make('textarea', { name: 'description', rows: 5, value: row.description ?? '' });
    const label = (text, field) => make('label', {}, make('span', {}, text), field);
    const send = make('button', { type: 'submit', className: 'button' }, 'Suggest');
    const title = make('h3', {}, `Suggest a change of ${[row.externalId, row.name].filter(Boolean).join(' ')}`);
    const fields = [label('Name', name), label('Description', description), label('In', into), send];
    const form = make('form', { className: 'suggest' }, title, ...fields);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#suggest(row, name.value, description.value, into.value, send);
    });
    return form;
  }

  async #suggest({ id, version, name, description }, newName, newDescription, into, send) {
    const input = {};
    if (newName !== name) input.name = newName;
    if (newDescription !== (description ?? '')) input.description = newDescription || null;
    if (!Object.keys(input).length) return this.onNews('Nothing is different.');
    send.disabled = true;
    try {
      const project = this.#live.head.project.id;
      const set = into || (await ask(CREATE, { input: { projectId: project, name: `Suggestion for ${name}`.slice(0, 200) } })).changeSetCreate.changeSet.id;
      this.#open.add(set);
      await ask(EDIT, { id: set, items: [{ requirementUpdate: { id, expectedVersion: version, input } }] });
      this.onNews('Suggested.');
    } catch (failure) {
      this.onNews(failure.message);
    }
    send.disabled = false;
    await this.#again();
  }

  /** Carry out a mutation, say so, and show what is there now. */
  async #do(mutation, variables, done) {
    try {
      await ask(mutation, variables);
      this.onNews(done);
    } catch (failure) {
      this.onNews(failure.message);
    }
    await this.#again();
  }

  async #again() {
    this.#element.querySelector('h2')?.focus();
    this.#refresh();
    await this.#read();
  }
}
