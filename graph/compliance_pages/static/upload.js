// The upload of a document: in parts, with progress. What has arrived is not sent again.

import { ask, Failure } from '/live/assets/api.js';

const TYPES = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  txt: 'text/plain',
};
const TRIES = 6; // of a part, with new addresses each
const FIRST_WAIT = 500; // milliseconds, doubled with each try
const PARTS = `complianceDocument { id } upload { parts { number size url uploaded
  headers { name value } } }`;
const START = `mutation StartUpload($input: ComplianceDocumentUploadStartInput!) {
  complianceDocumentUploadStart(input: $input) { ${PARTS} } }`;
const RESUME = `mutation ResumeUpload($id: UUID!) {
  complianceDocumentUploadResume(id: $id) { ${PARTS} } }`;
const FINISH = `mutation FinishUpload($id: UUID!) {
  complianceDocumentUploadFinish(id: $id) { complianceDocument { status errorMessage } } }`;

const begunHere = new Map();
const form = document.getElementById('upload');
const [file, button, state, progress, refusal] = [
  document.getElementById('file'),
  form.querySelector('button'),
  ...['state', 'progress', 'refusal'].map((name) => document.getElementById(`upload-${name}`)),
];

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  refusal.hidden = true;
  progress.hidden = false;
  progress.value = 0;
  try {
    await upload(file.files[0]);
    const there = new URL(location.href);
    there.searchParams.set('organization', form.dataset.organization);
    there.searchParams.set('news', 'uploaded');
    location.assign(there);
  } catch (failure) {
    if (!(failure instanceof Failure)) console.error(failure);
    tell('');
    refusal.textContent = failure.message;
    refusal.hidden = false;
    progress.hidden = true;
  } finally {
    button.disabled = false;
  }
});

/** Upload a file, from where an upload of the same file has stopped. Throws a Failure. */
async function upload(chosen) {
  const most = Number(form.dataset.maxSize);
  if (chosen.size > most) throw refused(`The file is too large: at most ${most / 1e6} MB.`);
  if (!chosen.size) throw refused('The file is empty.');
  let begun = await begin(chosen);
  const { id } = begun.complianceDocument;
  let tries = 0;
  for (;;) {
    try {
      if (!begun) begun = (await ask(RESUME, { id })).complianceDocumentUploadResume;
      if (!begun.upload) throw new Failure('The storage does not answer.');
      await send(chosen, begun.upload.parts, tries > 0);
      break;
    } catch (failure) {
      if (!failure.retryable || ++tries === TRIES) throw failure;
      begun = null;
      tell(`The connection is interrupted. Trying again, ${tries} of ${TRIES - 1} …`);
      await new Promise((done) => setTimeout(done, FIRST_WAIT * 2 ** (tries - 1)));
    }
  }
  tell('Checking the content …');
  const found = (await ask(FINISH, { id })).complianceDocumentUploadFinish.complianceDocument;
  begunHere.clear();
  if (found.status === 'ERROR') throw refused(found.errorMessage);
}

async function begin(chosen) {
  const name = chosen.name.slice(-200);
  const same = [...document.querySelectorAll('[data-upload]')].find(
    ({ dataset }) => dataset.name === name && Number(dataset.size) === chosen.size,
  );
  const mark = `${name} ${chosen.size} ${chosen.lastModified}`;
  const id = begunHere.get(mark) ?? same?.dataset.upload;
  if (id) return (await ask(RESUME, { id })).complianceDocumentUploadResume;
  const input = {
    organizationId: form.dataset.organization,
    name,
    mediaType: TYPES[name.split('.').pop().toLowerCase()] ?? (chosen.type || 'unknown'),
    size: String(chosen.size),
  };
  const data = await ask(START, { input }, crypto.randomUUID());
  begunHere.set(mark, data.complianceDocumentUploadStart.complianceDocument.id);
  return data.complianceDocumentUploadStart;
}

/** Send the parts that have not arrived, one after the other.
 *
 * Of an interruption is told until more arrives than had before it.
 */
async function send(chosen, parts, interrupted) {
  let offset = 0;
  for (const part of parts) {
    const size = Number(part.size);
    const from = offset;
    offset += size;
    if (part.uploaded && interrupted) continue;
    if (!part.uploaded) {
      await put(part, chosen.slice(from, offset), (sent) => show(from + sent, chosen.size));
    }
    show(offset, chosen.size);
  }
}

function put({ url, headers }, content, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // `fetch` does not tell what it has sent
    request.open('PUT', url);
    for (const { name, value } of headers) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () =>
      request.status < 300 ? resolve() : reject(new Failure('The storage has refused the file.'));
    request.onerror = () => reject(new Failure('The connection was interrupted.'));
    request.send(content);
  });
}

function show(sent, all) {
  progress.value = sent / all;
  const said = `${10 * Math.floor((10 * sent) / all)} % uploaded`;
  if (state.textContent !== said) tell(said);
}

function tell(text) {
  state.textContent = text;
}

function refused(message) {
  return new Failure(message, { code: 'INVALID', retryable: false });
}
