// The top bar: the product, who is signed in, and what the explorer may do in their name.

import { useEffect, useRef, useState } from 'react';

/** The names of choices that many make; of others their scopes are counted. */
function choicesOf(scopes) {
  const names = Object.keys(scopes);
  return {
    Everything: ['admin'],
    'Read and write': names.filter((name) => name.endsWith(':write')),
    'Read only': names.filter((name) => name.endsWith(':read')),
  };
}

function isSame(some, others) {
  return some.length === others.length && some.every((name) => others.includes(name));
}

function labelOf(chosen, scopes) {
  const known = Object.entries(choicesOf(scopes)).find(([, names]) => isSame(names, chosen));
  if (known) return known[0];
  return chosen.length === 1 ? chosen[0] : `${chosen.length} scopes`;
}

/** Closes a menu when the visitor turns to something else. */
function useClosing(menu) {
  useEffect(() => {
    const close = ({ type, target, key }) => {
      if (type === 'keydown' ? key === 'Escape' : !menu.current.contains(target)) {
        menu.current.open = false;
      }
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('keydown', close);
    };
  }, [menu]);
}

function Scope({ name, words, chosen, onChange }) {
  return (
    <label className="scope">
      <input type="checkbox" checked={chosen} onChange={onChange} />
      <span>
        <code className="scope-name">{name}</code>
        <span className="scope-words">{words}</span>
      </span>
    </label>
  );
}

function Scopes({ scopes, scope, onChoose }) {
  const menu = useRef(null);
  const [draft, setDraft] = useState(scope.split(' '));
  useEffect(() => setDraft(scope.split(' ')), [scope]);
  useClosing(menu);
  const names = Object.keys(scopes);

  function toggle(name) {
    const wanted = draft.includes(name) ? draft.filter((one) => one !== name) : [...draft, name];
    setDraft(names.filter((one) => wanted.includes(one)));
  }

  function submit(event) {
    event.preventDefault();
    menu.current.open = false;
    onChoose(draft.join(' '));
  }

  return (
    <details ref={menu} className="scopes">
      <summary className="session-button" title="What the explorer may do in your name">
        {labelOf(scope.split(' '), scopes)}
      </summary>
      <form className="scopes-menu" onSubmit={submit}>
        <p className="scopes-hint">
          What the explorer asks for. An application with the same scopes sees what you see here.
        </p>
        <div className="scopes-choices" role="group" aria-label="Common choices">
          {Object.entries(choicesOf(scopes)).map(([label, choice]) => (
            <button
              key={label}
              type="button"
              className="scopes-choice"
              aria-pressed={isSame(choice, draft)}
              onClick={() => setDraft(choice)}
            >
              {label}
            </button>
          ))}
        </div>
        {names.map((name) => (
          <Scope
            key={name}
            name={name}
            words={scopes[name]}
            chosen={draft.includes(name)}
            onChange={() => toggle(name)}
          />
        ))}
        <button
          type="submit"
          className="session-button session-button-primary"
          disabled={!draft.length || isSame(draft, scope.split(' '))}
        >
          Use these scopes
        </button>
      </form>
    </details>
  );
}

function SignedIn({ state, session }) {
  return (
    <>
      <span className="session-person" title={state.fullName}>
        {state.email}
      </span>
      <button type="button" className="session-button" onClick={() => session.signOut()}>
        Sign out
      </button>
    </>
  );
}

function SignedOut({ state, session }) {
  return (
    <>
      <span className="session-person" role="status">
        {state.problem || 'Not signed in'}
      </span>
      <button
        type="button"
        className="session-button session-button-primary"
        onClick={() => session.signIn()}
      >
        Sign in
      </button>
    </>
  );
}

export function TopBar({ product, scopes, state, session }) {
  return (
    <header className="top-bar">
      <span className="top-bar-product">{product}</span>
      <span className="top-bar-page">API explorer</span>
      {state && (
        <div className="session">
          <Scopes scopes={scopes} scope={state.scope} onChoose={(scope) => session.choose(scope)} />
          {state.signedIn ? (
            <SignedIn state={state} session={session} />
          ) : (
            <SignedOut state={state} session={session} />
          )}
        </div>
      )}
    </header>
  );
}
