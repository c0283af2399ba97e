// The drawer beside the table: what a requirement is linked to, what its tests say, and its history.

import { ask } from './api.js';
import { columnOf, inWords, words } from './columns.js';
import { DRAWN, drawingsOf } from './drawings.js';
import { Comments } from './comments.js';
import { make, renew } from './elements.js';

const MOST = 50;
const SOON = 800; // milliseconds that several changes are waited for
const CHANGES = 'changes { field old new diff { kind text } }';
const END = `state suspect ${CHANGES} node { __typename id version
  ... on Project { name } ... on Document { name } ... on Block { name document { id } }
  ... on Requirement { externalId name documentId } ... on TestCase { testId title } }`;
const LINKS = `(first: ${MOST}) { totalCount nodes {
  id version linkType suspect viewerCan { update } source { ${END} } target { ${END} } } }`;
const CONFIRM = `mutation ($id: UUID!, $version: BigInt!, $source: BigInt, $target: BigInt) {
  traceLinkConfirm(id: $id, expectedVersion: $version, sourceVersion: $source, targetVersion: $target) {
    traceLink { id } } }`;
const PAST = `history(first: 20, after: $after) {
  nodes {
    id version at action revertedTo actor { fullName }
    ${CHANGES}
  }
  pageInfo { hasNextPage endCursor }
}`;
const READ = `query ($id: UUID!, $after: String) {
  requirement(id: $id) {
    id version name externalId
    outgoingLinks${LINKS}
    incomingLinks${LINKS}
    executions(first: ${MOST}, orderBy: [{ by: EXECUTED_AT, direction: DESC }]) {
      totalCount
      nodes { id executionStatus executedAt requirementVersion testCase { testId title } }
    }
    approval { isStale approvedAt item { review { id name } } }
    ${DRAWN}
    ${PAST}
  }
}`;
const MORE = `query ($id: UUID!, $after: String) { requirement(id: $id) { version ${PAST} } }`;

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
/** What says where a row stands, by numbers and ids. */
const PLACE = new Set(['position', 'blockId', 'documentId', 'projectId']);
const isNumber = (field) => PLACE.has(field) || /^id$|Id$/.test(field);
const isNothing = (value) => value === null || value === undefined || value === '' || value?.length === 0;

function when(at) {
  return make('time', { dateTime: at }, time.format(new Date(at)));
}

function named(node) {
  return [node.externalId ?? node.testId, node.name ?? node.title].filter(Boolean).join(' ') || 'Untitled';
}

function addressOf({ __typename: type, id, documentId, document }) {
  if (type === 'Requirement') return `/live/${documentId}#requirement=${id}`;
  if (type === 'Document') return `/live/${id}`;
  return type === 'Block' && document ? `/live/${document.id}` : null;
}

/** One link: how the two are related, the other end, and, where it is suspect, what has changed. */
function linkItem(link, isOutgoing, confirm) {
  const { linkType, suspect, source, target, viewerCan } = link;
  const other = isOutgoing ? target : source;
  const relation = `${inWords(linkType)} ${isOutgoing ? '→' : '←'}`;
  const item = make('li', {}, make('span', { className: 'quiet' }, relation));
  if (!other.node) item.append(make('span', {}, other.state === 'HIDDEN' ? 'Not visible to you' : 'Deleted'));
  else if (addressOf(other.node)) item.append(make('a', { href: addressOf(other.node) }, named(other.node)));
  else item.append(make('span', {}, named(other.node)));
  if (!suspect) return item;
  item.append(make('span', { className: 'pill doubtful' }, 'Suspect'));
  const changed = [source, target].flatMap(({ changes }) => changesOf({ changes }));
  if (changed.length) item.append(make('dl', {}, ...changed.flatMap(changeItem)));
  if (!viewerCan.update) return item;
  const button = make('button', { type: 'button', className: 'button second' }, 'Confirm');
  button.setAttribute('aria-label', `Confirm the link to ${other.node ? named(other.node) : 'it'}`);
  button.addEventListener('click', () => confirm(link));
  item.append(button);
  return item;
}

/** One execution of a test. */
function executionItem({ executionStatus, executedAt, requirementVersion, testCase }) {
  const status = make('span', { className: 'pill' }, inWords(executionStatus));
  status.dataset.status = executionStatus;
  const item = make('li', {}, status, make('span', {}, testCase ? named(testCase) : 'Not visible to you'));
  const small = make('span', { className: 'quiet' });
  if (executedAt) small.append(when(executedAt), ' ');
  if (requirementVersion) small.append(`version ${requirementVersion}`);
  item.append(small);
  return item;
}

/** The changes of an entry, those of properties each for itself. */
export function changesOf({ changes }) {
  const told = changes.filter(({ field, old, new: value }) =>
    field === 'externalId' || (!isNumber(field) && !(isNothing(old) && isNothing(value))));
  return told.flatMap((change) => {
    const [before, after] = [change.old ?? {}, change.new ?? {}];
    if (change.field !== 'properties') return [change];
    const keys = Object.keys({ ...before, ...after });
    const isOther = (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]);
    const changed = keys.filter(isOther);
    return changed.map((key) => ({ field: `properties.${key}`, old: before[key], new: after[key] }));
  });
}

/** A change of one field: by words where both are texts, else before and after. */
export function changeItem({ field, old, new: value, diff }) {
  const column = columnOf('Requirement', field);
  const label = column?.label ?? inWords(field.replace(/([A-Z])/g, ' $1'));
  const list = [make('dt', {}, label)];
  const shown = make('dd');
  const text = (side) => {
    if (side === null || side === undefined) return 'nothing';
    if (column?.kind === 'choice' || /^[A-Z]+(_[A-Z]+)+$/.test(side)) return inWords(String(side));
    if (column?.key) return words(column, side);
    return typeof side === 'object' ? JSON.stringify(side) : String(side);
  };
  if (diff)
    for (const { kind, text: part } of diff) {
      const name = { INSERTED: 'ins', DELETED: 'del' }[kind] ?? 'span';
      shown.append(make(name, {}, part));
    }
  else if (old === null || old === undefined) shown.append(make('ins', {}, text(value)));
  else shown.append(make('del', {}, text(old)), ' ', make('ins', {}, text(value)));
  return [...list, shown];
}

/**
 * The drawer. `onRevert(id, version, toVersion)` is told what is to be written once more, `onNews(text)`
 * what could not be done.
 */
export class Details {
  #element;
  #id = null;
  #back = null;
  #number = 0;
  #timer;
  comments = new Comments();
  onRevert = null;
  onNews = () => {};
  onDrawing = () => {};
  onReview = () => {};

  constructor(element) {
    this.#element = element;
    element.addEventListener('keydown', ({ key }) => key === 'Escape' && this.close());
  }

  /** The id of the requirement that is shown, if any. */
  get id() {
    return this.#id;
  }

  /** Show a requirement; the focus comes back to an element when it is closed. */
  async open(id, back) {
    [this.#id, this.#back] = [id, back];
    this.#element.hidden = false;
    const heading = make('h2', { tabIndex: -1 }, 'Opening …');
    this.#element.replaceChildren(this.#head(heading));
    heading.focus();
    this.comments.open(id);
    await this.#read();
  }

  /** Show nothing. */
  close() {
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    this.#id = null;
    this.#number++;
    this.#element.replaceChildren();
    this.#back?.focus();
  }

  /** What is shown may have changed: read it again, soon. */
  changed(ids) {
    if (!this.#id || (ids && !ids.includes(this.#id))) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#id) return;
      this.#read();
      this.comments.read();
    }, SOON);
  }

  async #read() {
    const number = ++this.#number;
    let row, failure;
    try {
      ({ requirement: row } = await ask(READ, { id: this.#id }));
    } catch (error) {
      failure = error;
    }
    if (number !== this.#number) return;
    const heading = this.#element.querySelector('h2');
    heading.textContent = row ? named(row) : (failure?.message ?? 'There is no such requirement.');
    const parts = row ? [
      this.#approval(row),
      this.#links(row),
      this.comments.element, // which stays, with what is being written in it
      this.#tests(row),
      drawingsOf(row, (id) => this.onDrawing(id)),
      this.#history(row),
    ] : [];
    renew(this.#element, parts);
  }

  #head(heading) {
    const close = make('button', { type: 'button', className: 'button second' }, 'Close');
    close.addEventListener('click', () => this.close());
    return make('div', { className: 'head' }, heading, close);
  }

  #section(title, total, items, none) {
    const shown = items.length ? make('ul', {}, ...items) : make('p', { className: 'quiet' }, none);
    const section = make('section', {}, make('h3', {}, `${title}${total ? ` (${total})` : ''}`), shown);
    if (total > items.length)
      section.append(make('p', { className: 'quiet' }, `The first ${items.length} of ${total}.`));
    return section;
  }

  /** The latest approval by a review, and whether it still holds. */
  #approval({ approval }) {
    const section = make('section', {}, make('h3', {}, 'Approval'));
    const { review } = approval?.item ?? {};
    if (!review) {
      section.append(make('p', { className: 'quiet' }, 'No review has approved it.'));
      return section;
    }
    const open = make('button', { type: 'button', className: 'button second' }, review.name);
    open.setAttribute('aria-label', `Open the review ${review.name}`);
    open.addEventListener('click', () => this.onReview(review.id));
    const status = make('span', { className: 'pill' }, approval.isStale ? 'Content changed since' : 'Approved');
    if (approval.isStale) status.classList.add('doubtful');
    else status.dataset.status = 'PASS';
    section.append(make('p', {}, status, ' ', when(approval.approvedAt)), open);
    return section;
  }

  #links({ outgoingLinks, incomingLinks }) {
    const items = [
      ...outgoingLinks.nodes.map((link) => linkItem(link, true, (it) => this.#confirm(it))),
      ...incomingLinks.nodes.map((link) => linkItem(link, false, (it) => this.#confirm(it))),
    ];
    return this.#section('Links', outgoingLinks.totalCount + incomingLinks.totalCount, items, 'No links.');
  }

  /** Say that a link holds for its ends as they are shown here. */
  async #confirm({ id, version, source, target }) {
    const seen = { source: source.node?.version, target: target.node?.version };
    await ask(CONFIRM, { id, version, ...seen }).catch((failure) => this.onNews(failure.message));
    this.#element.querySelector('h2')?.focus();
    this.#read();
  }

  #tests({ executions: { nodes, totalCount } }) {
    return this.#section('Tests', totalCount, nodes.map(executionItem), 'No test has been executed for this requirement.');
  }

  #history({ version, history }) {
    const list = make('ol');
    const section = make('section', {}, make('h3', {}, 'History'), list);
    this.#addHistory(section, list, version, history);
    return section;
  }

  #addHistory(section, list, version, { nodes, pageInfo }) {
    list.append(...nodes.map((entry) => this.#entry(entry, version)));
    if (!pageInfo.hasNextPage) return;
    const more = make('button', { type: 'button', className: 'button second' }, 'Show more');
    more.addEventListener('click', async () => {
      more.disabled = true;
      const variables = { id: this.#id, after: pageInfo.endCursor };
      const { requirement } = await ask(MORE, variables).catch(() => ({}));
      more.disabled = false;
      if (!requirement) return;
      more.remove();
      this.#addHistory(section, list, version, requirement.history);
      list.children[list.children.length - requirement.history.nodes.length]?.querySelector('button')?.focus();
    });
    section.append(more);
  }

  #entry({ version, at, action, revertedTo, actor, changes }, latest) {
    const isMove = action === 'UPDATE' && changes.length && changes.every(({ field }) => PLACE.has(field));
    const did = isMove ? 'moved it' : `${action.toLowerCase()}d`;
    const what = revertedTo ? `went back to version ${revertedTo}` : did;
    const who = make('p', {}, make('strong', {}, actor?.fullName ?? 'Somebody'), ` ${what} `, when(at));
    const told = changesOf({ changes });
    const item = make('li', {}, who);
    if (told.length) item.append(make('dl', {}, ...told.flatMap(changeItem)));
    item.value = version;
    if (this.onRevert && version < latest && action !== 'DELETE') {
      const button = make('button', { type: 'button', className: 'button second' }, 'Restore this version');
      button.setAttribute('aria-label', `Restore version ${version}`);
      button.addEventListener('click', () => this.onRevert(this.#id, latest, version));
      item.append(button);
    }
    return item;
  }
}
