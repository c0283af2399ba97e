// The drawer with the reviews of the document and of the requirements in it: what each asks, its items
// with their verdicts, approvals and signatures. Reviewers give verdicts there, and reviews are requested.

import { ask } from './api.js';
import { inWords } from './columns.js';
import { make, renew } from './elements.js';
import { requestForm } from './review_request.js';

const [MOST, MORE, LARGEST] = [50, 50, 200];
const SOON = 800; // milliseconds that several changes are waited for
const SIGNATURE = 'id signerName meaning signedAt isStale isIntact';
const VERDICT = `id verdict comment updatedAt reviewer { id fullName }
  signatures(first: 1, orderBy: [{ by: SIGNED_AT, direction: DESC }]) { nodes { ${SIGNATURE} } }`;
const LIST = `query ($project: UUID!, $document: UUID!) {
  project(id: $project) {
    viewerCan { create(type: REVIEW) }
    reviews(first: ${MOST}, filter: { reviewed: [{ entityId: $document }] },
        orderBy: [{ by: CREATED_AT, direction: DESC }]) {
      totalCount nodes { id name state dueDate viewerIsReviewer }
    }
  }
}`;
const READ = `query ($id: UUID!, $me: UUID!, $most: Int!) {
  review(id: $id) {
    id version name description state quorum dueDate viewerIsReviewer viewerCan { update }
    createdBy { id fullName } project { viewerCan { update } }
    reviewers(first: 50) { nodes { role reviewer { fullName } } }
    signatures(first: 10) { nodes { ${SIGNATURE} signer { id } } }
    items(first: $most) {
      totalCount
      nodes {
        id entityType entityId content isStale outcome approvals rejections
        mine: verdicts(first: 1, filter: { reviewerId: { eq: $me } }) { nodes { ${VERDICT} } }
        verdicts(first: 10) { totalCount nodes { ${VERDICT} } }
      }
    }
  }
}`;
const SUBMIT = `mutation ($id: UUID!, $verdicts: [ReviewVerdictInput!]!) {
  reviewVerdictsSubmit(id: $id, verdicts: $verdicts) { verdicts { id } } }`;
const EDIT = `mutation ($id: UUID!, $version: BigInt!, $input: ReviewEditInput!) {
  reviewEdit(id: $id, expectedVersion: $version, input: $input) { review { id } } }`;
const ending = (name) => `mutation ($id: UUID!, $version: BigInt!) {
  ${name}(id: $id, expectedVersion: $version) { review { id } } }`;
const [CLOSE, CANCEL] = [ending('reviewClose'), ending('reviewCancel')];
const SIGN = `mutation ($input: SignatureCreateInput!) { signatureCreate(input: $input) { signature { id } } }`;
const VERDICTS = [['APPROVE', 'Approve'], ['REJECT', 'Reject'], ['ABSTAIN', 'Abstain']];
const SAID = { APPROVE: 'approves', REJECT: 'rejects', ABSTAIN: 'abstains' };
const MEANINGS = ['APPROVAL', 'REVIEW', 'AUTHORSHIP', 'RESPONSIBILITY'];

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const when = (at) => make('time', { dateTime: at }, time.format(new Date(at)));
const quiet = (...parts) => make('p', { className: 'quiet' }, ...parts);

function button(label, action, { name, isMain } = {}) {
  const made = make('button', { type: 'button', className: isMain ? 'button' : 'button second' }, label);
  if (name) made.setAttribute('aria-label', name);
  made.addEventListener('click', action);
  return made;
}

function pill(text, { status, isDoubtful } = {}) {
  const made = make('span', { className: isDoubtful ? 'pill doubtful' : 'pill' }, text);
  if (status) made.dataset.status = status;
  return made;
}

/** What an item is called, by the content that is under review. */
function called({ entityType, content }) {
  const name = [content.externalId, content.name].filter(Boolean).join(' ') || 'Untitled';
  return entityType === 'REQUIREMENT' ? name : `${inWords(entityType)}: ${name}`;
}

/** The signatures of a review or a verdict, with what does not hold of them. */
function signed({ nodes }) {
  return nodes.map(({ signerName, meaning, signedAt, isStale, isIntact }) => {
    const line = quiet(`Signed by ${signerName} (${inWords(meaning).toLowerCase()}), `, when(signedAt));
    if (!isIntact) line.append(' ', pill('Not intact', { status: 'FAIL' }));
    else if (isStale) line.append(' ', pill('Changed since', { isDoubtful: true }));
    return line;
  });
}

/**
 * The drawer. `onNews(text, label, way)` is told what was done, and what could not be; `onGo(id)` to
 * which requirement to go.
 */
export class Reviews {
  #element;
  #live;
  #me;
  #back = null;
  #row = null; // the requirement that this person was at
  #shown = null; // the ID of the review that is shown; null for the list
  #most = MOST;
  #drafts = new Map(); // the comments that are being written, by item
  #form = null; // the form that requests a review, which stays as it is filled in
  #number = 0;
  #timer;
  people = [];
  onNews = () => {};
  onGo = () => {};

  constructor(element, live, me) {
    [this.#element, this.#live, this.#me] = [element, live, me];
    element.addEventListener('keydown', ({ key }) => key === 'Escape' && this.close());
  }

  /** Show the list, or one review; the focus comes back to an element when the drawer is closed. */
  async open(row, back, id = null) {
    [this.#row, this.#back] = [row?.type === 'Requirement' ? row.id : null, back];
    this.#form = null;
    this.#element.hidden = false;
    await this.#show(id);
  }

  /** Show nothing. */
  close() {
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    this.#number++;
    this.#drafts.clear();
    this.#element.replaceChildren();
    this.#back?.focus();
  }

  /** What is shown may have changed: read it again, soon. What is being written stays. */
  changed() {
    if (this.#element.hidden) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#element.hidden) this.#read();
    }, SOON);
  }

  async #show(id) {
    [this.#shown, this.#most] = [id, MOST];
    const heading = make('h2', { tabIndex: -1 }, 'Opening …');
    const head = make('div', { className: 'head' }, heading, button('Close', () => this.close()));
    this.#element.replaceChildren(head);
    heading.focus();
    await this.#read();
  }

  async #read() {
    const [number, shown] = [++this.#number, this.#shown];
    let title, parts;
    try {
      [title, parts] = await (shown ? this.#review(shown) : this.#list());
    } catch (failure) {
      [title, parts] = [failure.message, []];
    }
    if (number !== this.#number) return;
    this.#element.querySelector('h2').textContent = title;
    renew(this.#element, parts);
  }

  async #list() {
    const project = this.#live.head.project?.id;
    const found = project && (await ask(LIST, { project, document: this.#live.id })).project;
    if (!found) return ['Reviews', [quiet('Reviews are not visible to you.')]];
    const { nodes, totalCount } = found.reviews;
    const items = nodes.map(({ id, name, state, dueDate, viewerIsReviewer }) => {
      const item = make('li', {}, button(name, () => this.#show(id)), pill(inWords(state)));
      if (state === 'OPEN' && dueDate) item.append(make('span', { className: 'quiet' }, 'due ', when(dueDate)));
      if (state === 'OPEN' && viewerIsReviewer) item.append(pill('You are a reviewer', { isDoubtful: true }));
      return item;
    });
    const parts = [items.length ? make('ul', {}, ...items) : quiet('This document has not been reviewed.')];
    if (totalCount > nodes.length) parts.push(quiet(`The first ${nodes.length} of ${totalCount}.`));
    if (found.viewerCan.create) parts.push(this.#request());
    return [`Reviews${totalCount ? ` (${totalCount})` : ''}`, parts];
  }

  /** The form that requests a review of the document, or of the requirement this person was at. */
  #request() {
    const row = this.#live.row('Requirement', this.#row);
    this.#form ??= requestForm(this.#live, row, this.people, this.onNews, (id) => {
      this.#form = null;
      this.#show(id);
    });
    return this.#form;
  }

  async #review(id) {
    const { review } = await ask(READ, { id, me: this.#me.id, most: this.#most });
    const all = button('All reviews', () => this.#show(null));
    if (!review) return ['This review does not exist, or you do not have access to it.', [all]];
    const { state, description, quorum, dueDate, createdBy, reviewers, items } = review;
    const names = reviewers.nodes.map(({ role, reviewer }) => (role ? `role ${inWords(role)}` : reviewer?.fullName ?? 'Somebody'));
    const approved = items.nodes.filter(({ outcome, isStale }) => outcome === 'APPROVED' && !isStale).length;
    const about = quiet(`Requested by ${createdBy?.fullName ?? 'somebody'}. Reviewers: ${names.join(', ') || 'none'}.`);
    const needed = quiet(`Each item needs ${quorum} ${quorum === 1 ? 'approval' : 'approvals'}. ${approved} of ${items.nodes.length} shown are approved.`);
    const status = make('p', {}, pill(inWords(state)));
    if (dueDate) status.append(' due ', when(dueDate));
    const parts = [all, status];
    if (description) parts.push(make('p', {}, description));
    parts.push(about, needed, ...signed(review.signatures), ...this.#acts(review));
    parts.push(make('ol', { className: 'review' }, ...items.nodes.map((item) => this.#item(review, item))));
    if (items.totalCount > items.nodes.length) parts.push(...this.#further(items));
    return [review.name, parts];
  }

  #further({ nodes, totalCount }) {
    const told = quiet(`The first ${nodes.length} of ${totalCount}.`);
    if (this.#most >= LARGEST) return [told];
    const more = () => {
      this.#most = Math.min(this.#most + MORE, LARGEST);
      this.#read();
    };
    return [told, button('Show more', more)];
  }

  /** What can be done with the whole review. */
  #acts(review) {
    const { id, version, state, items, viewerIsReviewer, viewerCan, createdBy, project } = review;
    const acts = [];
    if (state === 'OPEN' && viewerIsReviewer) {
      const left = items.nodes.filter(({ isStale, mine }) => !isStale && !mine.nodes.length);
      const verdicts = left.map((item) => this.#input(item, 'APPROVE'));
      const approve = () => this.#submit(id, verdicts);
      if (left.length > 1) acts.push(button(`Approve the remaining ${left.length}`, approve, { isMain: true }));
    }
    const isAuthor = createdBy?.id === this.#me.id || project?.viewerCan.update;
    if (state === 'OPEN' && viewerCan.update && isAuthor) {
      acts.push(button('Close the review', () => this.#do(CLOSE, { id, version }, 'Closed. Its approvals hold.')));
      acts.push(button('Cancel the review', () => this.#do(CANCEL, { id, version }, 'Cancelled.')));
    }
    if (state === 'CLOSED') acts.push(this.#signing(id, review.name, review.signatures));
    const shown = acts.filter(Boolean);
    return shown.length ? [make('div', { className: 'choices' }, ...shown)] : [];
  }

  #input(item, verdict) {
    const comment = this.#drafts.get(item.id);
    return { itemId: item.id, verdict, ...(comment === undefined ? {} : { comment: comment.trim() || null }) };
  }

  /** One item: its content, its outcome, the verdicts, and what this person can do with it. */
  #item(review, item) {
    const { entityId, entityType, content, isStale, outcome, approvals, mine, verdicts } = item;
    const name = called(item);
    const isHere = entityType === 'REQUIREMENT' && this.#live.row('Requirement', entityId);
    const title = isHere ? button(name, () => this.onGo(entityId), { name: `${name}: go to it` }) : make('strong', {}, name);
    if (isHere) title.className = 'plain';
    const status = { APPROVED: 'PASS', REJECTED: 'FAIL' }[isStale ? '' : outcome];
    const result = make('p', {}, pill(inWords(outcome), { status }), ` ${approvals} of ${review.quorum}`);
    if (isStale) result.append(' ', pill(outcome === 'APPROVED' ? 'Approval fallen: content changed' : 'Content changed', { isDoubtful: true }));
    const shown = make('li', {}, title, result);
    if (content.description) shown.append(make('p', { className: 'body' }, content.description));
    const others = verdicts.nodes.filter(({ reviewer }) => reviewer?.id !== this.#me.id);
    for (const verdict of [...mine.nodes, ...others]) shown.append(...this.#verdict(verdict));
    if (verdicts.totalCount > verdicts.nodes.length) shown.append(quiet(`The first ${verdicts.nodes.length} of ${verdicts.totalCount} verdicts.`));
    if (review.state !== 'OPEN') return shown;
    if (review.viewerIsReviewer) shown.append(this.#decision(review, item, name));
    if (isStale && review.viewerCan.update) shown.append(this.#renewal(review, item, name));
    return shown;
  }

  #verdict({ id, verdict, comment, updatedAt, reviewer, signatures }) {
    const isMine = reviewer?.id === this.#me.id;
    const line = make('p', {}, make('strong', {}, isMine ? 'You' : reviewer?.fullName ?? 'Somebody'), ' ');
    line.append(isMine ? `${SAID[verdict].slice(0, -1)} ` : `${SAID[verdict]} `, make('span', { className: 'quiet' }, when(updatedAt)));
    const parts = [line];
    if (comment) parts.push(make('blockquote', { className: 'body' }, comment));
    parts.push(...signed(signatures));
    const signing = isMine && this.#signing(id, 'your verdict', signatures);
    return signing ? [...parts, signing] : parts;
  }

  /** The fields by which a reviewer decides on an item. */
  #decision(review, item, name) {
    const [mine] = item.mine.nodes;
    const comment = make('textarea', { rows: 2, maxLength: 10000 });
    comment.setAttribute('aria-label', `Comment on ${name}`);
    comment.value = this.#drafts.get(item.id) ?? mine?.comment ?? '';
    comment.addEventListener('input', () => this.#drafts.set(item.id, comment.value));
    const ways = VERDICTS.map(([verdict, label]) => {
      const way = button(label, () => this.#submit(review.id, [this.#input(item, verdict)]), { name: `${label}: ${name}` });
      way.setAttribute('aria-pressed', String(mine?.verdict === verdict));
      way.disabled = verdict === 'APPROVE' && item.isStale;
      return way;
    });
    const choices = make('div', { className: 'choices', role: 'group', 'aria-label': `Your verdict on ${name}` }, ...ways);
    return make('div', { className: 'decide' }, comment, choices);
  }

  /** The button that has the present content reviewed in place of the former one. */
  #renewal({ id, version }, { entityId }, name) {
    const input = { addEntityIds: [entityId] };
    const done = 'Its current content is under review, without verdicts.';
    return button('Review the current content', () => this.#do(EDIT, { id, version, input }, done), { name: `Review the current content: ${name}` });
  }

  /** The fields by which this person signs, unless they have. */
  #signing(id, what, { nodes }) {
    const isMine = ({ signer }) => !signer || signer.id === this.#me.id; // verdicts have no other
    if (nodes.some((signature) => isMine(signature) && !signature.isStale)) return null;
    const meaning = make('select', {}, ...MEANINGS.map((value) => make('option', { value }, inWords(value))));
    meaning.setAttribute('aria-label', `Meaning of your signature on ${what}`);
    const sign = button('Sign', () => this.#sign(id, meaning.value), { name: `Sign ${what}` });
    return make('div', { className: 'choices' }, meaning, sign);
  }

  async #sign(entityId, meaning) {
    try {
      await ask(SIGN, { input: { entityId, meaning } });
      this.onNews('Signed.');
    } catch (failure) {
      const { prove } = failure.extensions ?? {};
      const way = () => open(`${prove}&next=${encodeURIComponent(location.pathname)}`, '_blank', 'noopener');
      if (prove) this.onNews(failure.message, 'Give your password', way);
      else this.onNews(failure.message);
    }
    await this.#read();
  }

  #submit(id, verdicts) {
    const done = verdicts.length === 1 ? 'Verdict given.' : `${verdicts.length} verdicts given.`;
    const forget = () => verdicts.forEach(({ itemId }) => this.#drafts.delete(itemId));
    return this.#do(SUBMIT, { id, verdicts }, done, forget);
  }

  /** Carry out a mutation, say so, and show what is there now. */
  async #do(mutation, variables, done, after = () => {}) {
    try {
      await ask(mutation, variables);
      after();
      this.onNews(done);
    } catch (failure) {
      this.onNews(failure.message);
    }
    await this.#read();
  }
}
