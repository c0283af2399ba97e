// Which properties apply to the requirements of a document, and which of them the table shows.

import { all } from './api.js';
import { showProperties } from './columns.js';

const PAGE = 'pageInfo { hasNextPage endCursor }';
const LIST = `properties(first: 100, after: $after) {
  nodes { id key name propertyType isBase options { choices { id label } } } ${PAGE} }`;
const inDocument = (selected) => `query ($id: UUID!, $after: String) { document(id: $id) { ${selected} } }`;
/** The lists of each scope, the widest first: how each is asked for, and where it is in the answer. */
const SCOPES = [
  [inDocument(`project { organization { ${LIST} } }`), ({ document }) => document?.project?.organization?.properties],
  [inDocument(`project { ${LIST} }`), ({ document }) => document?.project?.properties],
  [inDocument(LIST), ({ document }) => document?.properties],
];
const COLUMNS = inDocument(`blocks(first: 100, after: $after, orderBy: [{ by: POSITION }]) {
  nodes { columns(first: 50) { nodes { width isHidden isPinned property { key } } } } ${PAGE} }`);
const MEMBERS = inDocument(`project { organization { members(first: 100, after: $after) {
  nodes { user { id fullName } } ${PAGE} } } }`);
const SOON = 500; // milliseconds that several changes are waited for

/** The definitions that count, of each key: the narrowest, or a base property of a wider scope. */
function applying(scopes) {
  const byKey = new Map();
  for (const properties of scopes)
    for (const each of properties) if (!byKey.get(each.key)?.isBase) byKey.set(each.key, each);
  return byKey;
}

/**
 * The properties of one document.
 *
 * The table shows those that a block has as columns, or what this person has chosen in this browser.
 * `onChanged()` is told when other columns are shown, or another definition counts.
 */
export class Definitions {
  #id;
  #byKey = new Map();
  #ofBlocks = new Map(); // the width of each, and whether it is pinned
  #timer;
  onChanged = () => {};

  constructor(id) {
    this.#id = id;
  }

  /** All that apply, by name. */
  get all() {
    return [...this.#byKey.values()].sort((one, other) => one.name.localeCompare(other.name));
  }

  /** The keys of those that are shown. */
  get shown() {
    const chosen = localStorage.getItem(this.#storage);
    const keys = chosen === null ? [...this.#ofBlocks.keys()] : chosen.split('\n');
    return keys.filter((key) => this.#byKey.has(key));
  }

  /** Show one, or show it no more; this browser keeps that. */
  choose(key, isShown) {
    const others = this.shown.filter((each) => each !== key);
    localStorage.setItem(this.#storage, (isShown ? [...others, key] : others).join('\n'));
    this.#tell();
  }

  /** Read them. Where that fails, those known are kept. */
  async read() {
    const id = this.#id;
    const lists = SCOPES.map(([query, listIn]) => all(query, { id }, listIn));
    const blocks = all(COLUMNS, { id }, ({ document }) => document?.blocks);
    let read;
    try {
      read = await Promise.all([blocks, ...lists]);
    } catch {
      return;
    }
    const [found, ...scopes] = read;
    this.#byKey = applying(scopes);
    const columns = found.flatMap((block) => block.columns.nodes);
    this.#ofBlocks = new Map();
    for (const { width, isHidden, isPinned, property } of columns)
      if (!isHidden && property && !this.#ofBlocks.has(property.key))
        this.#ofBlocks.set(property.key, { width, isPinned });
    this.#tell();
  }

  /** Read them again, soon. */
  again() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.read();
    }, SOON);
  }

  /** The people that a property may name. */
  async people() {
    const membersIn = ({ document }) => document?.project?.organization?.members;
    const members = await all(MEMBERS, { id: this.#id }, membersIn);
    return members.map(({ user }) => user).filter(Boolean);
  }

  get #storage() {
    return `columns:${this.#id}`;
  }

  #tell() {
    showProperties(this.all, this.shown, this.#ofBlocks);
    this.onChanged();
  }
}
