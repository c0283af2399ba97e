// Who else is in the document, and where; and telling them where this person is.
//
// Being there is having the subscription. It has no cursor: after an interruption it is opened again
// and tells the whole list, in which this page then says again where it is.

import { ask } from './api.js';

const SOON = 150; // milliseconds that one waits before it is told, so that passing by is not
const RENEW = 20_000; // a lease lasts for 30 seconds

const FOLLOW = `subscription ($documentId: UUID!, $clientId: UUID!) {
  presence(documentId: $documentId, clientId: $clientId) {
    participants {
      clientId person { id fullName }
      focus { entityId field }
      leases { entityId field }
    }
  }
}`;
const UPDATE = `mutation ($input: PresenceUpdateInput!) {
  presenceUpdate(input: $input) { participant { clientId } }
}`;
const TAKE = `mutation ($input: LeaseTakeInput!) {
  leaseTake(input: $input) { taken holder { person { id fullName } } }
}`;
const RELEASE = 'mutation ($input: LeaseReleaseInput!) { leaseRelease(input: $input) { released } }';

const isAt = (one, other) => one?.entityId === other?.entityId && one?.field === other?.field;

/**
 * One tab's presence. `onPresent(participants)` is told everybody who is there, this tab as well, and
 * nobody while the connection is lost; `onHeld(person)` who else is writing where this person begins;
 * `onForbidden()` that this person may not write there.
 */
export class Presence {
  #tab;
  #connection;
  #here = false;
  #focus = null;
  #lease = null;
  #timer;
  #renewal;
  onPresent = () => {};
  onHeld = () => {};
  onForbidden = () => {};

  constructor(documentId, connection) {
    this.#tab = { documentId, clientId: crypto.randomUUID() };
    this.#connection = connection;
  }

  /** Be there. Where one may not see who is there, nobody is. */
  open() {
    this.#connection.subscribe(FOLLOW, this.#tab, {
      next: ({ participants }) => this.#hear(participants),
      error: () => this.lost(),
    });
  }

  /** Whether an entry of the list is this tab. */
  isOwn({ clientId }) {
    return clientId === this.#tab.clientId;
  }

  /** The connection is gone, and with it this tab from the list. */
  lost() {
    this.#here = false;
    this.onPresent([]);
  }

  /** This person is at a field, or nowhere. */
  at(focus) {
    this.#focus = focus;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), SOON);
  }

  /** This person begins to write in a field: ask others to leave it alone while they do. */
  take(place) {
    this.#lease = place;
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => this.#take(), RENEW);
    this.#take();
  }

  /** This person has written. */
  release() {
    clearInterval(this.#renewal);
    if (this.#lease) this.#send(RELEASE, this.#lease);
    this.#lease = null;
  }

  #hear(participants) {
    const own = participants.find((one) => this.isOwn(one));
    const came = !this.#here;
    this.#here = true;
    this.onPresent(participants);
    if (!came) return;
    if (!isAt(own?.focus, this.#focus)) this.#tell();
    if (this.#lease) this.#take();
  }

  #tell() {
    this.#send(UPDATE, { focus: this.#focus });
  }

  async #take() {
    const place = this.#lease;
    const answer = await this.#send(TAKE, place);
    if (answer && !answer.leaseTake.taken && this.#lease === place)
      this.onHeld(answer.leaseTake.holder?.person);
  }

  /** It is a courtesy: what cannot be told is left untold, or told with the next list. */
  async #send(mutation, what) {
    if (!this.#here) return null;
    return ask(mutation, { input: { ...this.#tab, ...what } }).catch(({ code }) => {
      if (code === 'FORBIDDEN') this.onForbidden();
      return null;
    });
  }
}
