// The comments on a requirement, in its details: threads, the words that they are about, and replies.

import { ask } from './api.js';
import { make, place } from './elements.js';

const COMMENT = `id version body createdAt editedAt createdBy { fullName }
  mentions { id fullName } viewerCan { update delete }`;
const THREAD = `id version resolvedAt viewerCan { update delete }
  anchor { field state quote text start end }
  comments(first: 100) { totalCount nodes { ${COMMENT} } }`;
const READ = `query ($id: UUID!) { requirement(id: $id) {
  id name description viewerCan { create(type: COMMENT_THREAD) }
  commentThreads(first: 100) { totalCount nodes { ${THREAD} } } } }`;
const START = `mutation ($input: CommentThreadCreateInput!) {
  commentThreadCreate(input: $input) { commentThread { id } } }`;
const REPLY = `mutation ($input: CommentCreateInput!) { commentCreate(input: $input) { comment { id } } }`;
const EDIT = `mutation ($id: UUID!, $version: BigInt!, $input: CommentUpdateInput!) {
  commentUpdate(id: $id, expectedVersion: $version, input: $input) { comment { id } } }`;
const onRow = (name, type) => `mutation ($id: UUID!, $version: BigInt!) {
  ${name}(id: $id, expectedVersion: $version) { ${type} { id } } }`;
const RESOLVE = onRow('commentThreadResolve', 'commentThread');
const REOPEN = onRow('commentThreadReopen', 'commentThread');
const DELETE_THREAD = onRow('commentThreadDelete', 'commentThread');
const DELETE = onRow('commentDelete', 'comment');

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
/** The number of code points of a text, which the API counts in. */
const points = (text) => [...text].length;

function button(label, about, act) {
  const made = make('button', { type: 'button', className: 'button second' }, label);
  if (about) made.setAttribute('aria-label', `${label}: ${about}`);
  made.addEventListener('click', act);
  return made;
}

/** The text with a mark on each span that an open thread is about. */
function marked(text, threads) {
  const characters = [...text];
  const shown = make('p', { className: 'marked' });
  const spans = threads
    .filter(({ resolvedAt, anchor }) => !resolvedAt && anchor?.field === 'description' && anchor.start !== null)
    .sort((one, other) => one.anchor.start - other.anchor.start);
  let at = 0;
  for (const { id, anchor } of spans) {
    const from = Math.max(anchor.start, at); // spans may overlap
    if (from >= anchor.end) continue;
    shown.append(characters.slice(at, from).join(''));
    const mark = make('mark', {}, characters.slice(from, anchor.end).join(''));
    mark.dataset.thread = id;
    shown.append(mark);
    at = anchor.end;
  }
  shown.append(characters.slice(at).join(''));
  return shown;
}

/** The people whom a text names as `@Name`, of those who were chosen. */
function named(text, chosen) {
  return [...chosen].filter(([, name]) => text.includes(`@${name}`)).map(([id]) => id);
}

/**
 * The comments on one requirement. `onNews(text)` is told what was or could not be done. What somebody
 * is writing stays when the comments are read again.
 */
export class Comments {
  #id = null;
  #number = 0;
  #forms = new Map(); // by the thread that is replied to, or '' for a new one
  #list = make('ul', { className: 'threads' });
  #text = make('div');
  #heading = make('h3', {}, 'Comments');
  #showsResolved = false;
  #writes = new Map(); // the forms of comments that are being changed
  people = [];
  onNews = () => {};
  element = make('section', { className: 'comments' });

  /** Show the comments on a requirement. */
  open(id) {
    if (id === this.#id) return this.read();
    this.#id = id;
    this.#number++;
    this.#forms.clear();
    this.#writes.clear();
    this.#list.replaceChildren();
    this.#text.replaceChildren();
    this.element.replaceChildren(this.#heading, this.#text, this.#list);
    return this.read();
  }

  /** Read them again. */
  async read() {
    const [id, number] = [this.#id, ++this.#number];
    const { requirement } = await ask(READ, { id }).catch(() => ({}));
    if (number !== this.#number || !requirement) return;
    const { nodes, totalCount } = requirement.commentThreads;
    const open = nodes.filter(({ resolvedAt }) => !resolvedAt);
    this.#heading.textContent = open.length ? `Comments (${open.length} open)` : 'Comments';
    this.#text.replaceChildren(...(requirement.description ? [marked(requirement.description, nodes)] : []));
    const shown = this.#showsResolved ? nodes : open;
    const known = new Map([...this.#list.children].map((item) => [item.id, item]));
    place(this.#list, shown.map((thread) => this.#thread(thread, known.get(`thread-${thread.id}`))));
    const parts = [this.#heading, this.#text, this.#list];
    if (totalCount > nodes.length)
      parts.push(make('p', { className: 'quiet' }, `The first ${nodes.length} of ${totalCount}.`));
    if (nodes.length > open.length) parts.push(this.#switch(nodes.length - open.length));
    if (requirement.viewerCan.create) parts.push(this.#form('', 'Comment', (input) => this.#start(requirement, input)));
    place(this.element, parts);
  }

  #switch(count) {
    const label = this.#showsResolved ? 'Hide resolved' : `Show ${count} resolved`;
    const found = this.element.querySelector('[data-switch]');
    const toggle = found ?? button(label, '', () => {
      this.#showsResolved = !this.#showsResolved;
      this.read();
    });
    toggle.dataset.switch = '';
    toggle.textContent = label;
    return toggle;
  }

  /** One thread; its element is kept, so that the focus stays where it is. */
  #thread(thread, item = make('li', { id: `thread-${thread.id}`, tabIndex: -1 })) {
    const { id, version, resolvedAt, anchor, comments, viewerCan } = thread;
    const parts = [];
    if (anchor) {
      const said = { CHANGED: ' (changed)', GONE: ' (removed)' }[anchor.state] ?? '';
      parts.push(make('blockquote', {}, anchor.text, make('span', { className: 'quiet' }, said)));
    }
    parts.push(...comments.nodes.map((comment, index) => this.#comment(comment, index === 0 ? thread : null)));
    const about = comments.nodes[0]?.body.slice(0, 60) ?? '';
    const bar = make('p', { className: 'acts' });
    if (viewerCan.update) {
      const [label, done, mutation] = resolvedAt
        ? ['Reopen', 'Reopened.', REOPEN]
        : ['Resolve', 'Resolved.', RESOLVE];
      bar.append(button(label, about, () => this.#do(mutation, { id, version }, done)));
    }
    parts.push(bar);
    if (!resolvedAt)
      parts.push(this.#form(id, 'Reply', async ({ body, mentions }) => {
        await ask(REPLY, { input: { threadId: id, body, mentions } });
      }));
    place(item, parts);
    return item;
  }

  /** One comment; deleting the first one of a thread deletes the thread. */
  #comment(comment, thread) {
    const { id, version, body, createdAt, editedAt, createdBy, viewerCan } = comment;
    const writing = this.#writes.get(id);
    if (writing) return writing;
    const shown = make('article', {},
      make('p', {}, make('strong', {}, createdBy?.fullName ?? 'Somebody'), ' ',
        make('time', { dateTime: createdAt, className: 'quiet' }, time.format(new Date(createdAt))),
        make('span', { className: 'quiet' }, editedAt ? ' · edited' : '')),
      make('p', { className: 'body' }, body));
    const about = body.slice(0, 60);
    const acts = make('p', { className: 'acts' });
    if (viewerCan.update) acts.append(button('Edit', about, () => this.#edit(shown, comment)));
    const owner = thread ?? comment;
    if (owner.viewerCan.delete)
      acts.append(button(thread ? 'Delete thread' : 'Delete', about, () => {
        const row = { id: owner.id, version: owner.version };
        this.#do(thread ? DELETE_THREAD : DELETE, row, 'Deleted.');
      }));
    if (acts.childElementCount) shown.append(acts);
    return shown;
  }

  /** Change a comment in its place. */
  #edit(shown, { id, version, body, mentions }) {
    const form = this.#makeForm('Save', async ({ body: text, mentions: added }) => {
      const kept = mentions.filter(({ fullName }) => text.includes(`@${fullName}`)).map((one) => one.id);
      const input = { body: text, mentions: [...new Set([...kept, ...added])] };
      await ask(EDIT, { id, version, input });
      this.#writes.delete(id);
    }, 'Change the comment');
    const area = form.querySelector('textarea');
    area.value = body;
    form.lastElementChild.append(button('Cancel', '', () => {
      this.#writes.delete(id);
      this.read();
    }));
    this.#writes.set(id, form);
    shown.replaceWith(form);
    area.focus();
  }

  #form(key, label, send) {
    if (!this.#forms.has(key)) {
      const what = key ? 'Reply' : 'Comment on this requirement';
      this.#forms.set(key, this.#makeForm(label, send, what, key === ''));
    }
    const form = this.#forms.get(key);
    form.send = send; // which knows the newest version
    return form;
  }

  /** A field for a comment, a choice of whom to mention, and for a new thread the words it is about. */
  #makeForm(label, send, what, isNew = false) {
    const chosen = new Map();
    const area = make('textarea', { rows: 2, maxLength: 10000, required: true });
    area.setAttribute('aria-label', what);
    const mention = make('select', {}, make('option', { value: '' }, 'Mention …'));
    mention.setAttribute('aria-label', 'Mention somebody');
    mention.addEventListener('focus', () => {
      if (mention.length === 1)
        mention.append(...this.people.map(({ id, fullName }) => make('option', { value: id }, fullName ?? 'Unnamed')));
    });
    mention.addEventListener('change', () => {
      const name = mention.selectedOptions[0].textContent;
      chosen.set(mention.value, name);
      area.setRangeText(`@${name} `, area.selectionStart, area.selectionEnd, 'end');
      mention.value = '';
      area.focus();
    });
    const words = make('input', { type: 'text', placeholder: 'Words it is about' });
    words.setAttribute('aria-label', 'Words of the requirement that it is about, if any');
    const form = make('form', { className: 'write' }, area);
    if (isNew) {
      form.append(words);
      this.#text.onmouseup = this.#text.onkeyup = () => this.#select(words);
    }
    form.append(make('p', { className: 'acts' }, mention, make('button', { className: 'button' }, label)));
    form.send = send;
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
      if (event.key === 'Escape' && area.value) event.stopPropagation(); // not to lose what is written
    });
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const start = words.dataset.for === words.value ? Number(words.dataset.start) : null;
      const input = { body: area.value, mentions: named(area.value, chosen), words: words.value, start };
      await form.send(input).then(() => {
        area.value = words.value = '';
        chosen.clear();
      }, (failure) => this.onNews(failure.message));
      this.read();
    });
    return form;
  }

  /** Take the words that are selected in the text. */
  #select(words) {
    const selection = document.getSelection();
    if (!selection.rangeCount || selection.isCollapsed || !this.#text.contains(selection.anchorNode)) return;
    const range = selection.getRangeAt(0);
    const before = document.createRange();
    before.setStart(this.#text, 0);
    before.setEnd(range.startContainer, range.startOffset);
    words.value = words.dataset.for = range.toString();
    words.dataset.start = points(before.toString());
  }

  async #start({ id, name, description }, { body, mentions, words, start }) {
    const input = { entityId: id, body, mentions };
    if (words) {
      const field = !description?.includes(words) && name.includes(words) ? 'name' : 'description';
      input.anchor = { field, quote: words };
      if (start !== null && field === 'description') input.anchor.start = start;
    }
    await ask(START, { input });
  }

  async #do(mutation, row, done) {
    await ask(mutation, row).then(() => this.onNews(done), (failure) => this.onNews(failure.message));
    this.element.querySelector('textarea')?.focus();
    this.read();
  }
}
