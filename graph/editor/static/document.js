// A document as it is now: read once, then kept by what its subscription tells.

import { all, ask } from './api.js';

/** What is read of a row, by its type; events and answers to edits select the same. */
export const FIELDS = {
  Document: 'id version name description project { id name } viewerCan { create(type: REQUIREMENT) }',
  Block: 'id version name position parentId',
  Requirement: `id version externalId name description status priority level position blockId
    properties updatedBy { id fullName }`,
};

/** The types of events, as the names of what is read. */
const TYPES = { DOCUMENT: 'Document', BLOCK: 'Block', REQUIREMENT: 'Requirement' };

const HEAD = `query ($id: UUID!) { document(id: $id) { ${FIELDS.Document} } }`;
const LISTS = {
  blocks: { size: 100, fields: FIELDS.Block },
  requirements: { size: 500, fields: FIELDS.Requirement },
};

const FOLLOW = `subscription ($id: UUID!, $after: String) {
  documentChanged(id: $id, after: $after, types: [DOCUMENT, BLOCK, REQUIREMENT]) {
    cursor kind entityType entityId version changedFields departed renumbered correlationId
    actor { id fullName }
    entity {
      ... on Document { id version name description }
      ... on Block { ${FIELDS.Block} }
      ... on Requirement { ${FIELDS.Requirement} }
    }
  }
}`;

const inOrder = (one, other) => one.position - other.position || (one.id < other.id ? -1 : 1);

/**
 * The rows of one document.
 *
 * `onArranged()` is told when rows have come, gone or moved, `onChanged(row, event)` when one has
 * other values (`event` is missing when this person has changed it here), `onClosed(code)` when the
 * document is not to be seen, or no more.
 */
export class LiveDocument {
  #connection;
  #reading = 0;
  #queue = null;
  #stop = () => {};
  head = null;
  blocks = new Map();
  requirements = new Map();
  #gone = new Map(); // the versions at which rows were deleted, or left
  onArranged = () => {};
  onChanged = () => {};
  onClosed = () => {};
  standing = () => undefined;

  constructor(id, connection) {
    this.id = id;
    this.#connection = connection;
  }

  /** Begin to follow it. What is shown is read once the stream stands, so nothing is missed. */
  open() {
    this.#stop = this.#connection.subscribe(FOLLOW, { id: this.id }, {
      next: (event) => this.#hear(event),
      error: ([{ extensions }]) => this.close(extensions?.code),
    });
  }

  /** Follow it no longer. */
  close(code) {
    this.#stop();
    this.#reading++;
    this.onClosed(code);
  }

  /** Read anew whether it may be changed: somebody's role may be another. */
  async look() {
    const head = await this.#head().catch(() => null);
    if (!head || !this.head) return; // the stream tells when it is to be seen no more
    Object.assign(this.head, head);
    this.onArranged();
  }

  /**
   * The rows in the order of the document: of no block, then of each block, with its depth. `standing`
   * tells where a row stands that is being moved: `{ blockId, position }`.
   */
  get sections() {
    const children = Map.groupBy(this.blocks.values(), ({ parentId }) => parentId);
    const standing = [...this.requirements.values()].map((row) => {
      const place = this.standing(row.id);
      return place ? { ...row, blockId: place.blockId, position: place.position } : row;
    });
    const rows = Map.groupBy(standing, ({ blockId }) => blockId);
    const sections = [{ block: null, depth: 0, rows: (rows.get(null) ?? []).sort(inOrder) }];
    const walk = (parentId, depth) => {
      for (const block of (children.get(parentId) ?? []).sort(inOrder)) {
        sections.push({ block, depth, rows: (rows.get(block.id) ?? []).sort(inOrder) });
        walk(block.id, depth + 1);
      }
    };
    walk(null, 0);
    return sections;
  }

  /** The row of a type and an id, if it is here. */
  row(type, id) {
    return this.#kept(type)?.get(id);
  }

  /** Take a row as it was read, unless it is known newer. */
  accept(type, row, event) {
    const kept = this.#kept(type);
    const known = kept.get(row.id);
    if (known && known.version >= row.version) return;
    if (this.#gone.get(row.id) >= row.version) return; // a late answer
    kept.set(row.id, { type, ...row });
    const stays = ['position', 'blockId', 'parentId'].every((name) => known?.[name] === row[name]);
    if (!stays) this.onArranged();
    this.onChanged(kept.get(row.id), event);
  }

  /** Let a row go that is not here any more since a version. */
  remove(type, id, version) {
    this.#gone.set(id, version);
    if (!(this.row(type, id)?.version <= version)) return;
    this.#kept(type).delete(id);
    this.onArranged();
  }

  #kept(type) {
    return { Block: this.blocks, Requirement: this.requirements }[type];
  }

  #hear(event) {
    // READY comes again after each interruption: what was missed follows it, and is told as ever.
    if (event.kind === 'READY' && this.head) return void this.look();
    if (event.kind === 'READY' || event.kind === 'RESYNC') this.#read();
    else if (this.#queue) this.#queue.push(event);
    else this.#apply(event);
  }

  /** Read everything; what is told meanwhile waits. */
  async #read() {
    const reading = ++this.#reading;
    this.#queue ??= [];
    const [head, blocks, requirements] = await this.#patiently(reading, () =>
      Promise.all([this.#head(), this.#every('blocks'), this.#every('requirements')]),
    );
    if (reading !== this.#reading) return;
    if (!head) return this.close('NOT_FOUND');
    this.head = head;
    this.blocks = new Map(blocks.map((row) => [row.id, { type: 'Block', ...row }]));
    this.requirements = new Map(
      requirements.map((row) => [row.id, { type: 'Requirement', ...row }]),
    );
    const queue = this.#queue;
    this.#queue = null;
    this.onArranged();
    for (const event of queue) this.#hear(event);
  }

  async #patiently(reading, attempt) {
    for (let wait = 500; reading === this.#reading; wait = Math.min(wait * 2, 15_000)) {
      try {
        return await attempt();
      } catch (failure) {
        if (!failure.retryable) {
          if (reading === this.#reading) this.close(failure.code);
          return [];
        }
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return [];
  }

  async #head() {
    return (await ask(HEAD, { id: this.id })).document;
  }

  /** All rows of a list, page by page. */
  #every(list) {
    const { size, fields } = LISTS[list];
    const query = `query ($id: UUID!, $after: String) { document(id: $id) {
      ${list}(first: ${size}, after: $after) {
        nodes { ${fields} }
        pageInfo { hasNextPage endCursor }
      }
    } }`;
    return all(query, { id: this.id }, ({ document }) => document?.[list]);
  }

  #apply(event) {
    const { kind, entityId, version, entity, departed } = event;
    const type = TYPES[event.entityType];
    if (type === 'Document') {
      if (kind === 'DELETED') this.close('NOT_FOUND');
      else if (entity?.version > this.head.version) {
        Object.assign(this.head, entity);
        this.onArranged();
      }
    } else if (type === 'Block' && (kind === 'DELETED' || kind === 'RESTORED')) {
      this.#read(); // what stands in it has gone or come with it, and is told by this event alone
    } else if (entity && !departed) {
      this.accept(type, entity, event);
    } else if (type) {
      this.remove(type, entityId, version);
    }
  }
}
