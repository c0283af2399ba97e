// The explorer: GraphiQL with the query builder, the examples and the session.

import './monaco.js';
import './explorer.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useMemo } from 'react';
import { createRoot } from 'react-dom/client';

import { EXAMPLES_PLUGIN, Who } from './examples.jsx';
import { fetcherFor } from './fetcher.js';
import { TopBar, useSession } from './session.jsx';
import { EditorTheme } from './theme.js';

const BUILDER_PLUGIN = { ...explorerPlugin({ title: 'Query builder' }), title: 'Query builder' };
const PLUGINS = [BUILDER_PLUGIN, EXAMPLES_PLUGIN, HISTORY_PLUGIN];

// What the variables editor accepts for the API's own scalars.
const SCALARS = {
  UUID: { type: 'string', format: 'uuid' },
  BigInt: { type: ['integer', 'string'] },
  DateTime: { type: 'string', format: 'date-time' },
  JSON: { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] },
};

function Editors({ session }) {
  // A new fetcher makes GraphiQL fetch the schema: when somebody signs in in another tab, say.
  const fetcher = useMemo(() => fetcherFor({ signedIn: session.signedIn }), [session.signedIn]);
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={PLUGINS}
      visiblePlugin={EXAMPLES_PLUGIN}
      customScalarSchemas={SCALARS}
      defaultQuery=""
      defaultEditorToolsVisibility
    >
      <GraphiQL.Logo> </GraphiQL.Logo>
      <EditorTheme />
    </GraphiQL>
  );
}

function Explorer({ product, demo }) {
  const session = useSession();
  return (
    <Who value={{ session, demo }}>
      <TopBar product={product} session={session} />
      {session && <Editors session={session} />}
    </Who>
  );
}

const root = document.getElementById('explorer');
createRoot(root).render(<Explorer {...root.dataset} />);
