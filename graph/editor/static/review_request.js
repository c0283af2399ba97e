// The form that requests a review: of what, by whom, and until when.

import { ask } from './api.js';
import { inWords } from './columns.js';
import { make } from './elements.js';

const CREATE = `mutation ($input: ReviewCreateInput!) { reviewCreate(input: $input) { review { id } } }`;
const ROLES = ['VIEWER', 'EDITOR', 'ADMIN', 'OWNER'];

const label = (text, field) => make('label', {}, make('span', {}, text), field);
const option = (value, text) => make('option', { value }, text);

/**
 * The form. It offers the document, and the requirement `row` if there is one. `onNews(text)` is told
 * what was or could not be done, `onDone(id)` which review was made.
 */
export function requestForm(live, row, people, onNews, onDone) {
  const what = make('select', { name: 'what' });
  if (row) what.append(option(row.id, [row.externalId, row.name].filter(Boolean).join(' ')));
  what.append(option(live.id, 'The whole document'));
  const name = make('input', { name: 'name', required: true, maxLength: 200, value: `Review of ${row?.name ?? live.head.name}`.slice(0, 200) });
  const description = make('textarea', { name: 'description', rows: 2 });
  const group = (text, options) => {
    const made = make('optgroup', {}, ...options);
    made.label = text;
    return made;
  };
  const by = make('select', { name: 'reviewers', multiple: true, required: true, size: 6 });
  by.append(
    group('People', people.map(({ id, fullName }) => option(`userId ${id}`, fullName ?? 'Unnamed'))),
    group('Everybody with a role in the project', ROLES.map((role) => option(`role ${role}`, inWords(role)))),
  );
  const due = make('input', { name: 'due', type: 'datetime-local' });
  const quorum = make('input', { name: 'quorum', type: 'number', min: 1, max: 50, step: 1 });
  const send = make('button', { type: 'submit', className: 'button' }, 'Request the review');
  const form = make('form', { className: 'suggest' },
    make('h3', {}, 'Request a review'),
    label('Of', what), label('Name', name), label('Question to the reviewers', description),
    label('Reviewers', by), label('Due', due), label('Approvals needed (by default one of each reviewer)', quorum), send);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const reviewers = [...by.selectedOptions].map(({ value }) => {
      const [kind, id] = value.split(' ');
      return { [kind]: id };
    });
    const input = { projectId: live.head.project.id, name: name.value, entityIds: [what.value], reviewers };
    if (description.value.trim()) input.description = description.value;
    if (due.value) input.dueDate = new Date(due.value).toISOString();
    if (quorum.value) input.quorum = Number(quorum.value);
    send.disabled = true;
    try {
      const { reviewCreate } = await ask(CREATE, { input });
      onNews('The reviewers are notified.');
      onDone(reviewCreate.review.id);
    } catch (failure) {
      onNews(failure.message);
    }
    send.disabled = false;
  });
  return form;
}
