// The explorer: GraphiQL with the query builder, the examples and the session.

import './monaco.js';
import './explorer.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useMemo, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';

import { EXAMPLES_PLUGIN, loadExamples, Who } from './examples.jsx';
import { fetcherFor } from './fetcher.js';
import { Authorization } from './oauth.js';
import { Session } from './session.js';
import { EditorTheme } from './theme.js';
import { TopBar } from './top-bar.jsx';

const BUILDER_PLUGIN = { ...explorerPlugin({ title: 'Query builder' }), title: 'Query builder' };
const PLUGINS = [BUILDER_PLUGIN, EXAMPLES_PLUGIN, HISTORY_PLUGIN];

// What the variables editor accepts for the API's own scalars.
const SCALARS = {
  UUID: { type: 'string', format: 'uuid' },
  BigInt: { type: ['integer', 'string'] },
  DateTime: { type: 'string', format: 'date-time' },
  JSON: { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] },
};

function Editors({ session, grant, query }) {
  // A new fetcher makes GraphiQL fetch the schema: for somebody else, or with other scopes.
  const fetcher = useMemo(() => fetcherFor(session), [session, grant]);
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={PLUGINS}
      visiblePlugin={EXAMPLES_PLUGIN}
      customScalarSchemas={SCALARS}
      defaultQuery={query}
      defaultEditorToolsVisibility
    >
      <GraphiQL.Logo> </GraphiQL.Logo>
      <EditorTheme />
    </GraphiQL>
  );
}

function Explorer({ product, demo, scopes, session, query }) {
  const state = useSyncExternalStore(session.subscribe, session.read);
  return (
    <Who value={{ state, session, demo }}>
      <TopBar product={product} scopes={scopes} state={state} session={session} />
      {state && <Editors session={session} grant={state.grant} query={query} />}
    </Who>
  );
}

const root = document.getElementById('explorer');
const { product, demo, issuer, client } = root.dataset;
const scopes = JSON.parse(root.dataset.scopes);
const session = new Session(new Authorization(issuer, client), scopes);
session.start();
const { examples } = await loadExamples();
createRoot(root).render(
  <Explorer
    product={product}
    demo={demo}
    scopes={scopes}
    session={session}
    query={examples[0]?.query ?? ''}
  />,
);
