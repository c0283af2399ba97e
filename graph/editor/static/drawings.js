// The diagrams of the project: pictures, and the elements in them that stand for requirements.
//
// Pictures are drawn by the gateway as SVG. They are shown here, and not changed.

import { ask } from './api.js';
import { make, renew } from './elements.js';

const MOST = 50;
const SOON = 800; // milliseconds that several changes are waited for
const REQUIREMENT = 'requirement { id externalId name documentId }';
const LINKS = `elementLinks(first: ${MOST}) { totalCount nodes {
  id elementId element isBroken requirementState ${REQUIREMENT} } }`;
const LIST = `query ($id: UUID!) { project(id: $id) {
  excalidrawDiagrams(first: ${MOST}, orderBy: [{ by: NAME }]) { totalCount nodes { __typename id name elementCount } }
  reactFlowDiagrams(first: ${MOST}, orderBy: [{ by: NAME }]) { totalCount nodes { __typename id name nodeCount edgeCount } }
} }`;
const READ = `query ($id: ID!) { node(id: $id) {
  ... on ExcalidrawDiagram { title: name svgUrl ${LINKS} }
  ... on ReactFlowDiagram { called: name svgUrl ${LINKS} } } }`;

/** The fields of a requirement that `drawingsOf` shows. */
export const DRAWN = `diagramElements(first: ${MOST}) { totalCount nodes {
  id elementId element isBroken
  excalidrawDiagram { id name svgUrl } reactFlowDiagram { id name svgUrl } } }`;

const titleOf = ({ name, title, called }) => name || title || called || 'Untitled drawing';
const nameOf = ({ externalId, name }) => [externalId, name].filter(Boolean).join(' ');
const addressOf = ({ id, documentId }) => `/live/${documentId}#requirement=${id}`;

/** What an element is called: by its text or label, or else by its kind. */
function called({ element, elementId }) {
  const text = element?.text ?? element?.label ?? element?.data?.label ?? element?.name;
  if (typeof text === 'string' && text.trim()) return text.trim();
  const kind = element?.source ? 'edge' : element?.type;
  return `${typeof kind === 'string' ? kind : 'element'} ${elementId}`;
}

/** A figure with the picture of a diagram, in which these elements stand out. */
function picture(diagram, marked, onPress) {
  const figure = make('figure', { className: 'picture' }, make('p', { className: 'quiet' }, 'Drawing …'));
  draw(figure, diagram, new Set(marked), onPress).catch(() => {
    figure.replaceChildren(make('p', { className: 'quiet' }, 'The drawing cannot be shown.'));
  });
  return figure;
}

async function draw(figure, diagram, marked, onPress) {
  const response = await fetch(diagram.svgUrl, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(response.statusText);
  const parsed = new DOMParser().parseFromString(await response.text(), 'image/svg+xml');
  if (parsed.documentElement.localName !== 'svg') throw new Error('no SVG');
  const svg = document.importNode(parsed.documentElement, true);
  const words = svg.querySelector('desc')?.textContent ?? '';
  svg.querySelectorAll('title, desc').forEach((each) => each.remove());
  svg.removeAttribute('aria-labelledby');
  svg.setAttribute('aria-label', `${titleOf(diagram)}. ${words}`);
  for (const group of svg.querySelectorAll('[data-element]')) {
    const id = group.dataset.element;
    group.classList.toggle('marked', marked.has(id));
    if (onPress?.(id)) {
      group.classList.add('leads');
      group.addEventListener('click', () => onPress(id)());
    }
  }
  figure.replaceChildren(svg);
  figure.dispatchEvent(new Event('drawn'));
}

/** Let an element of the picture stand out while its line in the list is pointed at or focused. */
function pointing(item, figure, elementId) {
  const point = (isOn) => {
    for (const group of figure.querySelectorAll('[data-element]'))
      group.classList.toggle('pointed', isOn && group.dataset.element === elementId);
  };
  for (const event of ['pointerenter', 'focusin']) item.addEventListener(event, () => point(true));
  for (const event of ['pointerleave', 'focusout']) item.addEventListener(event, () => point(false));
  figure.addEventListener('drawn', () => item.matches(':hover, :focus-within') && point(true));
  return item;
}

const broken = () => make('span', { className: 'pill doubtful' }, 'Broken');

/** The section of a requirement's details: the drawings that show it. `onOpen(id)` opens one. */
export function drawingsOf({ diagramElements: { nodes, totalCount } }, onOpen) {
  const section = make('section', {}, make('h3', {}, `Drawings${totalCount ? ` (${totalCount})` : ''}`));
  const diagrams = new Map();
  for (const link of nodes) {
    const diagram = link.excalidrawDiagram ?? link.reactFlowDiagram;
    if (!diagram) continue;
    diagrams.set(diagram.id, { diagram, links: [...(diagrams.get(diagram.id)?.links ?? []), link] });
  }
  for (const { diagram, links } of diagrams.values()) {
    const open = make('button', { type: 'button', className: 'button second' }, titleOf(diagram));
    open.setAttribute('aria-label', `Open the drawing ${titleOf(diagram)}`);
    open.addEventListener('click', () => onOpen(diagram.id));
    const figure = picture(diagram, links.map(({ elementId }) => elementId));
    const items = links.map((link) => {
      const item = make('li', {}, make('span', {}, called(link)));
      if (link.isBroken) item.append(broken());
      return pointing(item, figure, link.elementId);
    });
    section.append(open, figure, make('ul', {}, ...items));
  }
  if (!diagrams.size) section.append(make('p', { className: 'quiet' }, 'No drawing shows this requirement.'));
  if (totalCount > nodes.length)
    section.append(make('p', { className: 'quiet' }, `The first ${nodes.length} of ${totalCount}.`));
  return section;
}

/** The drawer with the project's diagrams, or one of them. `onGo(id)` goes to a row of this document. */
export class Drawings {
  #element;
  #project;
  #document;
  #shown = null; // the ID of the diagram that is shown; null for the list
  #back = null;
  #number = 0;
  #timer;
  onGo = () => {};

  constructor(element, project, document) {
    [this.#element, this.#project, this.#document] = [element, project, document];
    element.addEventListener('keydown', ({ key }) => key === 'Escape' && this.close());
  }

  /** Show the list, or one diagram; the focus comes back to an element when the drawer is closed. */
  async open(back, id = null) {
    this.#shown = id;
    this.#back = back ?? this.#back;
    this.#element.hidden = false;
    const heading = make('h2', { tabIndex: -1 }, 'Opening …');
    this.#element.replaceChildren(this.#head(heading));
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

  /** A diagram or a link has changed: read what is shown again, soon. */
  changed() {
    if (this.#element.hidden) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#element.hidden) this.#read();
    }, SOON);
  }

  async #read() {
    const number = ++this.#number;
    const shown = this.#shown;
    let title, parts;
    try {
      [title, parts] = await (shown ? this.#diagram(shown) : this.#list());
    } catch (failure) {
      [title, parts] = [failure.message, []];
    }
    if (number !== this.#number) return;
    this.#element.querySelector('h2').textContent = title;
    renew(this.#element, parts);
  }

  #head(heading) {
    const close = make('button', { type: 'button', className: 'button second' }, 'Close');
    close.addEventListener('click', () => this.close());
    return make('div', { className: 'head' }, heading, close);
  }

  async #list() {
    const { project } = await ask(LIST, { id: this.#project });
    const lists = [project?.excalidrawDiagrams, project?.reactFlowDiagrams].filter(Boolean);
    const total = lists.reduce((sum, { totalCount }) => sum + totalCount, 0);
    const items = lists.flatMap(({ nodes }) => nodes).map((diagram) => this.#item(diagram));
    const shown = items.length
      ? make('ul', {}, ...items)
      : make('p', { className: 'quiet' }, 'The project has no drawings.');
    const more = total > items.length ? [make('p', { className: 'quiet' }, `${items.length} of ${total}.`)] : [];
    return [`Drawings (${total})`, [shown, ...more]];
  }

  #item(diagram) {
    const { elementCount, nodeCount, edgeCount } = diagram;
    const size = elementCount === undefined ? `${nodeCount} nodes, ${edgeCount} edges` : `${elementCount} elements`;
    const open = make('button', { type: 'button', className: 'button second' }, titleOf(diagram));
    open.addEventListener('click', () => this.open(null, diagram.id));
    return make('li', {}, open, make('span', { className: 'quiet' }, size));
  }

  async #diagram(id) {
    const { node } = await ask(READ, { id });
    if (!node) return ['This drawing does not exist, or you do not have access to it.', [this.#all()]];
    const { nodes, totalCount } = node.elementLinks;
    const targets = new Map();
    for (const { elementId, requirement } of nodes) if (requirement) targets.set(elementId, requirement);
    const go = (elementId) => targets.has(elementId) && (() => this.#go(targets.get(elementId)));
    const figure = picture(node, targets.keys(), go);
    const items = nodes.map((link) => pointing(this.#link(link), figure, link.elementId));
    const list = items.length
      ? make('ul', {}, ...items)
      : make('p', { className: 'quiet' }, 'No element stands for a requirement.');
    const parts = [this.#all(), figure, make('h3', {}, `Elements (${totalCount})`), list];
    return [titleOf(node), parts];
  }

  #all() {
    const button = make('button', { type: 'button', className: 'button second' }, 'All drawings');
    button.addEventListener('click', () => this.open(null));
    return button;
  }

  /** An element and the requirement that it stands for. */
  #link(link) {
    const { isBroken, requirement, requirementState } = link;
    const item = make('li', {}, make('span', {}, called(link)), ' → ');
    if (requirement) {
      const way = make('a', { href: addressOf(requirement) }, nameOf(requirement));
      way.addEventListener('click', (event) => {
        if (requirement.documentId !== this.#document) return; // the address leads there
        event.preventDefault();
        this.#go(requirement);
      });
      item.append(way);
    } else item.append(make('span', {}, requirementState === 'HIDDEN' ? 'Not visible to you' : 'Deleted'));
    if (isBroken) item.append(broken());
    return item;
  }

  #go(requirement) {
    if (requirement.documentId !== this.#document) return location.assign(addressOf(requirement));
    this.close();
    this.onGo(requirement.id);
  }
}
