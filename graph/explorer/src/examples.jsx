// The panel of examples: operations that are about something the viewer can see, each in a tab.

import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { createContext, useContext, useEffect, useState } from 'react';

/** The session and its state, and the address of a demo person when there is one. */
export const Who = createContext({ state: null, session: null, demo: '' });

let loading;

/** The examples and the query that fills their variables; none when they cannot be loaded. */
export function loadExamples() {
  loading ??= fetch('/explorer/examples.json')
    .then((response) => response.json())
    .catch(() => ({ lookup: '', examples: [] }));
  return loading;
}

/** The value in the answer that "$documents.nodes.0.id" stands for; null when there is none. */
function lookUp(reference, answer) {
  const path = reference.slice(1).split('.');
  return path.reduce((value, step) => value?.[step], answer) ?? null;
}

/** The variables of an example, filled with ids and versions that the viewer can see. */
async function fill(variables, lookup, fetcher) {
  if (!variables.includes('"$')) return variables;
  const { data } = await fetcher({ query: lookup }).catch(() => ({}));
  const value = JSON.parse(variables, (_key, item) =>
    typeof item === 'string' && item.startsWith('$') ? lookUp(item, data) : item,
  );
  return JSON.stringify(value, null, 2);
}

function Icon() {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M4 5.5h10M4 10h7M4 14.5h5M4 19h5" />
      <path d="m14 12 6 4-6 4z" />
    </svg>
  );
}

function Hint() {
  const { state, session, demo } = useContext(Who);
  if (!state || state.signedIn) return null;
  return (
    <p className="examples-hint">
      <button type="button" className="examples-sign-in" onClick={() => session.signIn()}>
        Sign in
      </button>
      {demo ? ` as ${demo} to run them on the demo data.` : ' to run them on your own data.'}
    </p>
  );
}

function Kind({ title, examples, onOpen }) {
  return (
    <>
      <h3 className="examples-kind">{title}</h3>
      <ul className="examples-list">
        {examples.map((example) => (
          <li key={example.title}>
            <button type="button" className="example" onClick={() => onOpen(example)}>
              <span className="example-title">{example.title}</span>
              <span className="example-summary">{example.summary}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Examples() {
  const [{ lookup, examples }, setLoaded] = useState({ examples: [] });
  const { addTab, setOperationName } = useGraphiQLActions();
  const { queryEditor, variableEditor, fetcher } = useGraphiQL(
    pick('queryEditor', 'variableEditor', 'fetcher'),
  );
  const [initial, setInitial] = useState(true);
  useEffect(() => {
    loadExamples().then(setLoaded);
  }, []);

  async function open({ query, variables }) {
    const filled = await fill(variables, lookup, fetcher);
    const text = queryEditor.getValue().trim();
    // The first example stands in the first tab of a new visit until another one is opened.
    const untouched = initial && text === examples[0].query;
    if (text && !untouched) addTab();
    setInitial(false);
    setOperationName(null); // GraphiQL reads the new one only after its debounce
    queryEditor.setValue(query);
    variableEditor.setValue(filled);
  }

  return (
    <section aria-label="Examples">
      <h2 className="examples-heading">Examples</h2>
      <Hint />
      {Object.entries({ query: 'Queries', mutation: 'Mutations' }).map(([kind, title]) => (
        <Kind
          key={kind}
          title={title}
          examples={examples.filter((example) => example.kind === kind)}
          onOpen={open}
        />
      ))}
    </section>
  );
}

export const EXAMPLES_PLUGIN = { title: 'Examples', icon: Icon, content: Examples };
