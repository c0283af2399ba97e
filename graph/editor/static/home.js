// The page where people land after signing in: what they may open, by organization and project.

import { ask } from './api.js';
import { make } from './elements.js';

const PAUSE = 200; // milliseconds without a key until a search is sent
const SIZES = { organizations: 20, projects: 20, documents: 50, found: 50 };

const PAGE = 'pageInfo { hasNextPage endCursor }';
const DOCUMENTS = `documents(first: ${SIZES.documents}, after: $documents) {
  nodes { id name } ${PAGE} }`;
const PROJECTS = `projects(first: ${SIZES.projects}, after: $projects, orderBy: [{ by: NAME }]) {
  nodes { id name ${DOCUMENTS} } ${PAGE} }`;

const ALL = `query ($after: String, $projects: String, $documents: String) {
  organizations(first: ${SIZES.organizations}, after: $after, orderBy: [{ by: NAME }]) {
    nodes { id name ${PROJECTS} } ${PAGE} } }`;
const MORE_PROJECTS = `query ($id: UUID!, $projects: String, $documents: String) {
  organization(id: $id) { ${PROJECTS} } }`;
const MORE_DOCUMENTS = `query ($id: UUID!, $documents: String) { project(id: $id) { ${DOCUMENTS} } }`;

const FOUND = `query ($text: String!) {
  projects(first: ${SIZES.found}, filter: { name: { contains: $text } }, orderBy: [{ by: NAME }]) {
    nodes { id name organization { name } } ${PAGE} }
  documents(first: ${SIZES.found}, filter: { name: { contains: $text } }, orderBy: [{ by: NAME }]) {
    nodes { id name project { name organization { name } } } ${PAGE} } }`;

const find = (id) => document.getElementById(id);
const link = (href, text) => make('a', { href }, text);

/** Children, and a button that adds those of the next page while there is one. */
function list(parent, { nodes, pageInfo }, item, next) {
  parent.append(...nodes.map(item));
  if (!pageInfo.hasNextPage) return parent;
  const more = make('button', { type: 'button', className: 'second more' }, 'Show more');
  more.addEventListener('click', async () => {
    more.disabled = true;
    const page = await next(pageInfo.endCursor).catch(say);
    if (!page) return void (more.disabled = false);
    const last = holder.previousElementSibling;
    holder.remove();
    list(parent, page, item, next);
    last.nextElementSibling?.querySelector('a, button')?.focus();
  });
  const holder = parent.localName === 'ul' ? make('li', {}, more) : more;
  parent.append(holder);
  return parent;
}

function say(failure) {
  find('found').textContent = failure.message;
}

const documentItem = ({ id, name }) => make('li', {}, link(`/live/${id}`, name));

/** A project: its plots, and its documents. */
function projectItem({ id, name, documents }) {
  const plots = make('p', { className: 'plots' });
  plots.append(link(`/plots/${id}/coverage`, 'Coverage'), link(`/plots/${id}/results`, 'Test results'));
  for (const plot of plots.children) plot.setAttribute('aria-label', `${plot.textContent}: ${name}`);
  const head = make('div', { className: 'project' }, make('h3', {}, name), plots);
  const body = documents.nodes.length
    ? list(make('ul'), documents, documentItem, async (after) =>
        (await ask(MORE_DOCUMENTS, { id, documents: after })).project?.documents)
    : make('p', { className: 'quiet' }, 'No documents yet.');
  return make('section', {}, head, body);
}

function organizationItem({ id, name, projects }) {
  const section = make('section', { className: 'organization' }, make('h2', {}, name));
  if (!projects.nodes.length) section.append(make('p', { className: 'quiet' }, 'No projects yet.'));
  return list(section, projects, projectItem, async (after) =>
    (await ask(MORE_PROJECTS, { id, projects: after })).organization?.projects);
}

async function showAll() {
  const { organizations } = await ask(ALL, {});
  const places = list(make('div'), organizations, organizationItem, async (after) =>
    (await ask(ALL, { after })).organizations);
  const none = 'You are not a member of an organization yet. Create one, or ask for an invitation.';
  return [organizations.nodes.length ? '' : none, places];
}

/** Where something was found, after its name. */
function foundItem(href, name, ...path) {
  return make('li', {}, link(href, name), make('span', { className: 'quiet' }, path.join(' · ')));
}

async function showFound(text) {
  const { projects, documents } = await ask(FOUND, { text });
  const places = make('div');
  const groups = [
    ['Documents', documents, ({ id, name, project }) =>
      foundItem(`/live/${id}`, name, ...[project?.organization?.name, project?.name].filter(Boolean))],
    ['Projects', projects, ({ id, name, organization }) =>
      foundItem(`/plots/${id}/coverage`, name, ...[organization?.name].filter(Boolean))],
  ];
  for (const [title, { nodes, pageInfo }, item] of groups) {
    if (!nodes.length) continue;
    const rows = make('ul', {}, ...nodes.map(item));
    places.append(make('section', { className: 'organization' }, make('h2', {}, title), rows));
    if (pageInfo.hasNextPage)
      places.append(make('p', { className: 'quiet' }, `The first ${SIZES.found} results. Type more to narrow them down.`));
  }
  const count = (nodes, one) => `${nodes.length} ${one}${nodes.length === 1 ? '' : 's'}`;
  return [`${count(documents.nodes, 'document')}, ${count(projects.nodes, 'project')}`, places];
}

let latest = 0;

/** Show what matches the text that is in the field now; an answer that comes late is dropped. */
async function show() {
  const text = find('search').value.trim();
  const number = ++latest;
  const address = text ? `?search=${encodeURIComponent(text)}` : location.pathname;
  history.replaceState(null, '', address);
  try {
    const [news, places] = await (text ? showFound(text) : showAll());
    if (number !== latest) return;
    find('found').textContent = news;
    find('places').replaceChildren(places);
  } catch (failure) {
    if (number === latest) say(failure);
  }
}

let timer;
find('search').addEventListener('input', () => {
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE);
});
find('search').value = new URLSearchParams(location.search).get('search') ?? '';
show();
