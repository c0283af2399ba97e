// How many links each requirement of a document has, and what its tests say: read once the rows are
// shown, and again as the project tells of links and results.

import { pages } from './api.js';

const LINKS_PAGE = 500;
const TESTS_PAGE = 200;
const SOON = 1000; // milliseconds that several changes are waited for, to be counted at once
const LATER = 2000; // the same for changes of requirements, which are many
const [MOST, REST] = [4, 20_000]; // counts in so many milliseconds: all who have the page open make them

const LINKS = `query ($id: UUID!, $first: Int!, $after: String, $filter: RequirementFilterInput) {
  document(id: $id) { requirements(first: $first, after: $after, filter: $filter) {
    nodes {
      id
      outgoing: outgoingLinks(first: 1) { totalCount }
      incoming: incomingLinks(first: 1) { totalCount }
      suspectOutgoing: outgoingLinks(first: 1, filter: { suspect: { eq: true } }) { totalCount }
      suspectIncoming: incomingLinks(first: 1, filter: { suspect: { eq: true } }) { totalCount }
    }
    pageInfo { hasNextPage endCursor }
  } }
}`;
const TESTS = `query ($project: UUID!, $document: UUID!, $first: Int!, $after: String) {
  testMatrix(projectId: $project, configuration: { documentIds: [$document] }) {
    rows(first: $first, after: $after) {
      nodes { cellCount passed holes requirement { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;
const GAPS = { FAILING: 'failing', STALE: 'stale', FLAKY: 'flaky', NOT_RUN: 'not run' };

const counts = new Map();

/** What is known of a requirement: `links` (`all`, `suspect`) and `tests` (`all`, `passed`, `gap`). */
export const countsOf = (id) => counts.get(id);

/** Counts for one document; `onCounted(ids)` is told whose have changed. */
export class Traces {
  #id;
  #project;
  #timers = {};
  #counted = { links: [], tests: [] }; // when
  onCounted = () => {};

  constructor(id, project) {
    [this.#id, this.#project] = [id, project];
  }

  /** The content of a requirement is another: what is linked to it, or has tested it, knew that of before. */
  doubt(id) {
    const { links, tests } = countsOf(id) ?? {};
    if (links?.all) this.count(['links'], LATER);
    if (tests?.all) this.count(['tests'], LATER);
  }

  /** Count links, or tests, or both again, soon: all pages not at one moment, and none too often. */
  count(whats = ['links', 'tests'], wait = SOON) {
    for (const what of whats) {
      const before = this.#counted[what].at(-MOST) ?? -Infinity;
      const rest = before + REST - performance.now();
      const chance = 1 + Math.random() / 2;
      this.#timers[what] ??= setTimeout(() => this.#begin(what), Math.max(wait, rest) * chance);
    }
  }

  async #begin(what) {
    this.#timers[what] = undefined; // what happens from now on is counted again
    this.#counted[what] = [...this.#counted[what].slice(1 - MOST), performance.now()];
    try {
      await (what === 'links' ? this.#links() : this.#tests());
    } catch {
      // It is shown as it was, and counted with the next change or look.
    }
  }

  async #links() {
    const variables = { id: this.#id, first: LINKS_PAGE };
    await this.#every(pages(LINKS, variables, ({ document }) => document?.requirements), (row) => {
      const { id, outgoing, incoming, suspectOutgoing, suspectIncoming } = row;
      const all = outgoing.totalCount + incoming.totalCount;
      const suspect = suspectOutgoing.totalCount + suspectIncoming.totalCount;
      return this.#keep(id, 'links', { all, suspect });
    });
  }

  async #tests() {
    const variables = { project: this.#project, document: this.#id, first: TESTS_PAGE };
    await this.#every(pages(TESTS, variables, ({ testMatrix }) => testMatrix?.rows), (row) => {
      const { requirement, cellCount: all, passed, holes } = row;
      const [gap] = Object.keys(GAPS).filter((name) => holes.includes(name));
      return requirement && this.#keep(requirement.id, 'tests', { all, passed, gap: GAPS[gap] ?? '' });
    });
  }

  /** Keep what is in each page, and tell of the rows for which it is news. */
  async #every(found, keep) {
    for await (const rows of found) this.onCounted(rows.map(keep).filter(Boolean));
  }

  /** Keep what was counted; gives the id when it is news. */
  #keep(id, what, value) {
    const known = counts.get(id) ?? {};
    if (JSON.stringify(known[what]) === JSON.stringify(value)) return null;
    counts.set(id, { ...known, [what]: value });
    return id;
  }
}
