// Who is signed in, and the grant that acts in their name with the scopes they have chosen.

const CHOICE = 'explorer:scope';
const NOBODY = { signedIn: false };
const ENDED = 'Your access has ended.';

/** What the gateway says about the session of this browser. */
async function readBrowser() {
  const response = await fetch('/session', { credentials: 'same-origin' });
  return response.ok ? response.json() : NOBODY;
}

/** Send a form as a page does: its answer may lead to other sites, which a script cannot follow. */
function post(action, fields) {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = action;
  form.hidden = true;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    input.type = 'hidden';
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

/** A store, as React reads one; its state is null until it is known who is here. */
export class Session {
  #authorization;
  #scopes;
  #listeners = new Set();
  #grant = null;
  #ended = false;
  #looking = null;
  state = null;

  constructor(authorization, scopes) {
    this.#authorization = authorization;
    this.#scopes = scopes;
  }

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = () => this.state;

  /** The scopes that are asked for, separated by spaces. */
  get scope() {
    const chosen = (localStorage.getItem(CHOICE) ?? '').split(' ');
    return chosen.filter((scope) => scope in this.#scopes).join(' ') || 'admin';
  }

  /** Take up the answer to a sign-in, or whatever session the browser has; and keep looking. */
  async start() {
    let problem = '';
    try {
      this.#grant = await this.#authorization.received();
    } catch (error) {
      problem = error.message;
    }
    await this.look(problem);
    // Signing in or out happens in other tabs, too.
    window.addEventListener('focus', () => this.look());
    window.addEventListener('pageshow', ({ persisted }) => persisted && this.look());
    window.addEventListener('pagehide', () => this.#leave());
  }

  /** See who is signed in now; `mayLeave` for where people sign in or prove that it is them. */
  look(problem = '', mayLeave = false) {
    this.#looking ??= this.#look(problem, mayLeave).finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async signIn() {
    if (this.#authorization.isHere) await this.#authorization.begin(this.scope);
    else location.assign(this.#authorization.home);
  }

  /** Give the tokens back, and go to the end of the browser's session, or to where it began. */
  async signOut() {
    await this.#looking;
    const grant = this.#drop();
    await grant?.revoke().catch(() => {}); // it ends by itself soon
    const { csrfToken } = await readBrowser();
    if (csrfToken) post('/sign-out', { csrf_token: csrfToken, next: '/explorer' });
    else await this.look(); // ended elsewhere
  }

  /** Act with these scopes from now on. */
  async choose(scope) {
    await this.#looking;
    localStorage.setItem(CHOICE, scope);
    const grant = this.#drop();
    await grant?.revoke().catch(() => {});
    await this.look('', true);
  }

  /** A token for a request; null when nobody is signed in. */
  async token() {
    return this.#orEnd(() => this.#grant?.token() ?? null);
  }

  /** Another token after one that was refused; null when there is none. */
  async anotherToken() {
    return this.#orEnd(async () => {
      await this.#grant?.renew();
      return this.#grant?.token() ?? null;
    });
  }

  /** Everything takes a fresh proof: without one, what reads and writes, until it is chosen. */
  async #acquire(mayLeave) {
    try {
      return await this.#authorization.silently(this.scope);
    } catch (error) {
      const lacksProof = error.error === 'login_required' && this.scope.split(' ').includes('admin');
      if (!lacksProof) throw error;
      if (mayLeave) {
        await this.signIn();
        return null;
      }
      const writing = Object.keys(this.#scopes).filter((name) => name.endsWith(':write'));
      return this.#authorization.silently(writing.join(' '));
    }
  }

  async #look(problem, mayLeave) {
    const browser = this.#authorization.isHere ? await readBrowser() : NOBODY;
    if (this.state && browser.email !== this.state.email) this.#drop()?.abandon();
    if (browser.signedIn && !this.#grant && !this.#ended) {
      try {
        this.#grant = await this.#acquire(mayLeave);
      } catch (error) {
        problem = error.message;
      }
    }
    if (this.#ended) problem = ENDED;
    const signedIn = browser.signedIn && this.#grant !== null;
    const { email, fullName } = browser;
    const scope = this.#grant?.scope ?? this.scope;
    this.#publish({ signedIn, email, fullName, scope, grant: this.#grant, problem });
  }

  async #orEnd(attempt) {
    try {
      return await attempt();
    } catch (error) {
      if (error.error !== 'invalid_grant') throw error;
      // Revoked elsewhere. It is not asked for again before somebody wants it.
      this.#drop();
      this.#ended = true;
      this.#publish({ ...this.state, signedIn: false, grant: null, problem: ENDED });
      return null;
    }
  }

  #drop() {
    const grant = this.#grant;
    this.#grant = null;
    this.#ended = false;
    return grant;
  }

  #leave() {
    this.#drop()?.abandon();
  }

  #publish(state) {
    const before = this.state;
    const same = before && Object.keys(state).every((name) => state[name] === before[name]);
    if (same) return;
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}
