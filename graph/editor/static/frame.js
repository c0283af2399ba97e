// The page around the table: its title, who is here, whether it is live, and what to do when not.

import { make } from './elements.js';
import { colorOf, initials, nameOf } from './people.js';

const MOST_SHOWN = 5;
const LONG_ENOUGH = 12_000; // milliseconds that a word on what was done stands there
const WORDS = { open: 'Live', lost: 'Offline', connecting: 'Connecting', 'signed-out': 'Signed out' };
const CLOSED = 'This document does not exist, or you do not have access to it.';

const find = (id) => document.getElementById(id);

/** Say something that is heard, and not in the way of anything. */
export function news(text) {
  find('news').textContent = text;
}

let passing;

/** Say in a corner what was done, with a way on, until it has been there long enough. */
export function say(text, label, way) {
  const dismiss = () => find('toast').replaceChildren();
  dismiss();
  clearTimeout(passing);
  find('toast').append(make('p', {}, text));
  if (label) {
    const button = make('button', { type: 'button', className: 'button second' }, label);
    button.addEventListener('click', () => (dismiss(), way()));
    find('toast').append(button);
  }
  passing = setTimeout(dismiss, LONG_ENOUGH);
}

/** The bar at the top: what is wrong, and the way out, a function or an address. Nothing hides it. */
export function bar(text, label, way) {
  const [words, link] = find('bar').children;
  find('bar').hidden = !text;
  words.textContent = text ?? '';
  link.hidden = !label;
  link.textContent = label ?? '';
  const isAddress = typeof way === 'string';
  link.href = isAddress ? way : '#';
  link.target = isAddress ? '_blank' : '';
  link.onclick = isAddress ? null : (event) => (event.preventDefault(), way());
}

/** Whether the page is live, and whether something is being saved. */
export function showState(state, saving) {
  find('state').dataset.state = state;
  find('state').textContent = WORDS[state] ?? '';
  find('state').classList.toggle('saving', saving);
}

/** What the document is called, and whether it can be changed. */
export function showHead({ name, project, viewerCan }, isEmpty) {
  document.title = `${name} · Gateway`;
  find('name').textContent = name;
  find('project').textContent = project?.name ?? '';
  find('readonly').hidden = viewerCan.create;
  find('empty').hidden = !isEmpty;
  find('empty').textContent = 'This document is empty.';
  find('grid').hidden = isEmpty;
}

/** Who else is here, each once; a press on one of them goes where they are. */
export function showPeople(places, go) {
  const people = new Map(places.map((each) => [each.id, each]));
  const shown = [...people.values()].map(({ id, place }) => {
    const name = nameOf(id);
    const letters = make('span', { 'aria-hidden': 'true' }, initials(name));
    const words = make('span', { className: 'unseen' }, name);
    const className = `avatar ${colorOf(id)}`;
    const person = make('button', { type: 'button', className, title: name }, letters, words);
    person.addEventListener('click', () => place && go(place));
    return make('li', {}, person);
  });
  const more = shown.splice(MOST_SHOWN).length;
  if (more) shown.push(make('li', { className: 'more' }, `+${more}`));
  find('people').replaceChildren(...shown);
}

/** Nothing of the document any more, but what this person had written and not saved. */
export function showClosed(unsaved) {
  bar();
  document.title = 'Gateway';
  for (const id of ['state', 'project']) find(id).textContent = '';
  find('name').textContent = 'Closed';
  find('people').replaceChildren();
  for (const id of ['tools', 'filter']) find(id).hidden = true;
  find('toast').replaceChildren();
  const texts = unsaved
    .filter(({ kind }) => kind === 'update')
    .map(({ value }) => make('blockquote', {}, value ?? ''));
  if (texts.length) texts.unshift(make('p', {}, 'Your unsaved text:'));
  find('main').replaceChildren(
    make('section', { className: 'closed' }, make('p', {}, CLOSED), ...texts),
  );
}
