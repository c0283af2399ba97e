// Tells Monaco where its workers are and how to write markup; must run before Monaco loads.

import { createTrustedTypesPolicy } from './styles.js';

const workers = { json: JSON_WORKER, graphql: GRAPHQL_WORKER };

globalThis.MonacoEnvironment = {
  createTrustedTypesPolicy,
  getWorker: (_id, label) => new Worker(new URL(workers[label] ?? EDITOR_WORKER, import.meta.url)),
};
