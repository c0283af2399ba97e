// The top bar: the product, and who is signed in.

import { useEffect, useState } from 'react';

const HERE = '/explorer';

async function readSession() {
  const response = await fetch('/session', { credentials: 'same-origin' });
  return response.ok ? response.json() : { signedIn: false };
}

/** What the server says about the session; null until it has answered. */
export function useSession() {
  const [session, setSession] = useState(null);
  useEffect(() => {
    const refresh = () => readSession().then(setSession, () => setSession({ signedIn: false }));
    refresh();
    // Signing in or out happens in other tabs, too.
    window.addEventListener('focus', refresh);
    return () => window.removeEventListener('focus', refresh);
  }, []);
  return session;
}

function SignedIn({ session }) {
  return (
    <form method="post" action="/sign-out" className="session">
      <input type="hidden" name="csrf_token" value={session.csrfToken} />
      <input type="hidden" name="next" value={HERE} />
      <span className="session-person" title={session.fullName}>
        {session.email}
      </span>
      <button type="submit" className="session-button">
        Sign out
      </button>
    </form>
  );
}

function SignedOut() {
  return (
    <div className="session">
      <span className="session-person">Not signed in</span>
      <a className="session-button session-button-primary" href={`/sign-in?next=${HERE}`}>
        Sign in
      </a>
    </div>
  );
}

export function TopBar({ product, session }) {
  return (
    <header className="top-bar">
      <span className="top-bar-product">{product}</span>
      <span className="top-bar-page">API explorer</span>
      {session && (session.signedIn ? <SignedIn session={session} /> : <SignedOut />)}
    </header>
  );
}
