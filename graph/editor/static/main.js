// The page of one document, on which several people work at a time: puts the modules together.

import { ask, signedIn } from './api.js';
import { CHOICES } from './columns.js';
import { Commands } from './commands.js';
import { Connection, SignedOut } from './connection.js';
import { Definitions } from './definitions.js';
import { Details } from './details.js';
import { FIELDS, LiveDocument } from './document.js';
import { Drawings } from './drawings.js';
import { Edits } from './edits.js';
import { bar, news, say, showClosed, showHead, showPeople, showState } from './frame.js';
import { Filter } from './filter.js';
import { Grid } from './grid.js';
import { meet, nameOf } from './people.js';
import { Presence } from './presence.js';
import { propose } from './proposed.js';
import { Reviews } from './reviews.js';
import { Suggestions } from './suggestions.js';
import { Traces } from './traces.js';
import { Undo } from './undo.js';

/** What happens in the project that the columns, the counts and the details of this page show. */
const AROUND = `subscription ($id: UUID!, $after: String) {
  projectChanged(id: $id, after: $after, types: [PROPERTY, COLUMN, TRACE_LINK, TEST_EXECUTION,
      EXCALIDRAW_DIAGRAM, REACT_FLOW_DIAGRAM, DIAGRAM_ELEMENT_LINK, COMMENT_THREAD, COMMENT,
      CHANGE_SET, REVIEW, REVIEW_ITEM, REVIEWER, REVIEW_VERDICT, SIGNATURE]) {
    cursor kind entityType
  }
}`;
const VISIT = 'mutation ($id: UUID!) { documentVisit(id: $id) { document { id } } }';
const START = `{ viewer { profile { id email fullName } } ${CHOICES} }`;

/** The fields that links and tests are about. */
const CONTENT = new Set(['name', 'description', 'properties', 'level', 'originalRequirement']);

/** One person's work on one document. */
class Work {
  #me;
  #choices;
  #edits;
  #connection;
  #live;
  #presence;
  #undo;
  #grid = null;
  #commands = null;
  #definitions;
  #details;
  #drawings = null;
  #suggestions;
  #reviews;
  #filter = null;
  #traces = null;
  #places = []; // where the others are
  #signedOut = false;
  #closed = false;

  constructor(id, me, choices, definitions) {
    this.#me = me;
    this.#definitions = definitions;
    this.#details = new Details(document.getElementById('details'));
    this.#choices = choices;
    this.#edits = new Edits(`edits:${me.id}:${id}`, FIELDS);
    this.#undo = new Undo(this.#edits);
    this.#connection = new Connection(location.origin.replace(/^http/, 'ws') + '/graphql', {
      connectionParams: () => this.#identify(),
      onState: (state) => this.#turn(state),
    });
    this.#live = new LiveDocument(id, this.#connection);
    this.#suggestions = new Suggestions(document.getElementById('suggestions'), this.#live);
    this.#reviews = new Reviews(document.getElementById('reviews'), this.#live, me);
    this.#presence = new Presence(id, this.#connection);
    this.#follow();
    addEventListener('focus', () => this.#return());
    addEventListener('beforeunload', (event) => {
      this.#grid?.commit();
      if (this.#edits.pending) event.preventDefault();
    });
  }

  /** Begin. */
  start() {
    this.#live.open();
    this.#presence.open();
    this.#edits.flush();
  }

  #follow() {
    const [edits, live, presence] = [this.#edits, this.#live, this.#presence];
    edits.onChange = (edit) => this.#edited(edit);
    edits.onSaved = (edit, row, merged) => this.#saved(edit, row, merged);
    edits.onSignedOut = () => this.#turn('signed-out');
    live.standing = (id) => edits.underWay(id, 'move')?.value;
    live.onArranged = () => this.#arrange();
    live.onChanged = (row, event) => this.#show(row, event);
    live.onClosed = () => this.#close();
    presence.onPresent = (present) => this.#meet(present);
    presence.onForbidden = () => live.look();
    presence.onHeld = (person) => this.#grid?.held(person ? nameOf(person.id) : 'Somebody');
  }

  /** The cookie says who this is; it is looked at so that nobody works under another's name. */
  async #identify() {
    if ((await signedIn()) !== this.#me.email) throw new SignedOut();
    return {};
  }

  /** The connection is in another state. */
  #turn(state) {
    if (this.#closed) return;
    this.#signedOut = state === 'signed-out';
    if (state !== 'open') this.#presence.lost();
    const waiting = this.#edits.pending;
    showState(state, waiting > 0);
    const kept = waiting ? ` ${waiting === 1 ? 'A change is' : `${waiting} changes are`} kept.` : '';
    if (state === 'open') {
      bar();
      this.#edits.resume();
    } else if (state === 'lost') {
      const text = 'The connection is lost. Changes are sent when it is back.';
      bar(text + kept, 'Try now', () => this.#connection.retry());
    } else if (state === 'signed-out') {
      bar(`You are signed out.${kept}`, 'Sign in', `/sign-in?next=${location.pathname}`);
    } else if (state === 'refused') {
      bar('This page is out of date.', 'Reload', () => location.reload());
    }
  }

  /** Somebody looks at the page again: they may have signed in, in another tab. */
  async #return() {
    if (!this.#signedOut) {
      this.#live.look();
      return this.#connection.retry();
    }
    const email = await signedIn().catch(() => null);
    if (email && email !== this.#me.email) location.reload();
    if (email !== this.#me.email) return;
    this.#connection.retry();
    if (this.#connection.state === 'open') this.#turn('open');
  }

  #saved(edit, row, merged) {
    const { kind, type, field, value } = edit;
    if (kind === 'delete') this.#live.remove(type, row.id, row.version);
    else this.#live.accept(type, row);
    if (kind === 'revert' || CONTENT.has(field?.split('.')[0])) this.#traces?.doubt(row.id);
    const isMerged = merged.length > 0;
    const isMixed = isMerged && (kind === 'revert' || (kind === 'update' && row[field] !== value));
    if (isMixed) this.#grid?.merged(edit);
    this.#undo.saved(edit, row, { isMerged, isMixed });
    this.#commands?.done(edit, row);
  }

  /** What was to be undone is as others have left it: that is said, and nothing is asked. */
  #notUndone(edit) {
    this.#edits.drop(edit);
    const [conflict] = (edit.failure.code === 'CONFLICT' && edit.failure.extensions.conflicts) || [];
    const why = conflict
      ? `${nameOf(conflict.changedBy)} has changed this since.`
      : edit.failure.message;
    say(`Not ${edit.from === 'undo' ? 'undone' : 'done again'}: ${why}`);
    this.#undo.settled(edit);
  }

  #edited(edit) {
    if (edit.failure && edit.from && this.#edits.all.includes(edit)) return this.#notUndone(edit);
    this.#grid?.refresh(edit);
    this.#commands?.show();
    if (edit.failure?.code === 'FORBIDDEN') this.#live.look();
    const { state } = this.#connection;
    if (state === 'open' && !this.#signedOut) showState(state, this.#edits.pending > 0);
    else this.#turn(this.#signedOut ? 'signed-out' : state);
  }

  #arrange() {
    const { head, blocks, requirements } = this.#live;
    showHead(head, blocks.size + requirements.size === 0);
    if (!this.#grid) this.#begin(head.viewerCan.create);
    this.#grid.editable = head.viewerCan.create;
    this.#grid.arrange();
    this.#commands.show();
    if (this.#details.id && !this.#live.row('Requirement', this.#details.id)) this.#details.changed();
    this.#details.onRevert = head.viewerCan.create ? (...asked) => this.#revert(...asked) : null;
  }

  /** Write what a version said once more. */
  #revert(id, version, value) {
    this.#edits.add({ kind: 'revert', type: 'Requirement', id, version, value });
  }

  #begin(editable) {
    this.#grid = this.#makeGrid(editable);
    this.#surround();
    const tools = document.getElementById('tools');
    this.#commands = new Commands(tools, this.#live, this.#edits, this.#undo, this.#grid);
    this.#commands.onNews = news;
    this.#commands.onSay = say;
    this.#details.onNews = say;
    this.#commands.onDetails = ({ id }) => this.#only(this.#details).open(id, document.activeElement);
    this.#commands.onSuggestions = (row) => this.#only(this.#suggestions).open(row, document.activeElement);
    this.#showReviews();
    this.#suggestions.onNews = say;
    this.#suggestions.onPropose = (items) => this.#grid.count(propose(items));
    this.#suggestions.onGo = (id) => this.#grid.await(id, 'name');
    this.#showDrawings();
    this.#details.comments.onNews = say;
    this.#goToAddress();
    addEventListener('hashchange', () => this.#goToAddress());
    this.#undo.onChange = () => this.#commands.show();
  }

  /** Close the other drawers; gives back the one that takes their place. */
  #only(drawer) {
    for (const each of [this.#details, this.#drawings, this.#suggestions, this.#reviews])
      if (each !== drawer) each?.close();
    return drawer;
  }

  /** The drawer with the reviews of the document. */
  #showReviews() {
    this.#reviews.onNews = say;
    this.#reviews.onGo = (id) => this.#grid.await(id, 'name');
    const open = (row, id) => this.#only(this.#reviews).open(row, document.activeElement, id);
    this.#commands.onReviews = open;
    this.#details.onReview = (id) => open(this.#grid.current, id);
  }

  /** The drawer with the drawings of the project. */
  #showDrawings() {
    const { id, head } = this.#live;
    this.#drawings = new Drawings(document.getElementById('drawings'), head.project?.id, id);
    this.#drawings.onGo = (id) => this.#grid.await(id, 'name');
    const open = (drawing) => this.#only(this.#drawings).open(document.activeElement, drawing);
    this.#details.onDrawing = open;
    this.#commands.onDrawings = () => (head.project ? open(null) : news('This is not possible here.'));
  }

  /** The filter, the columns of properties, and the counts of links and tests. */
  #surround() {
    const { id, head } = this.#live;
    this.#filter = new Filter(document.getElementById('filter'), this.#definitions, this.#choices);
    this.#filter.onChange = (matches) => (this.#grid.matches = matches);
    this.#grid.matches = this.#filter.matches;
    this.#grid.onShown = (count) => this.#filter.count(count, this.#live.requirements.size);
    this.#definitions.onChanged = () => {
      this.#filter.show();
      this.#grid.rebuild();
    };
    this.#definitions.people().then((people) => {
      people.forEach(meet);
      this.#grid.people = people;
      this.#details.comments.people = this.#reviews.people = people;
      this.#grid.count(this.#live.requirements.keys());
    }, () => {});
    this.#traces = new Traces(id, head.project?.id);
    this.#traces.onCounted = (ids) => {
      this.#grid.count(ids);
      this.#details.changed(ids);
    };
    this.#traces.count();
    if (head.project)
      this.#connection.subscribe(AROUND, { id: head.project.id }, {
        next: (event) => this.#around(event),
        error: () => {}, // whoever may not follow the project sees what it was when they came
      });
  }

  #around({ kind, entityType }) {
    if (kind === 'READY') return;
    if (kind === 'RESYNC') this.#definitions.again();
    if (kind === 'RESYNC') return this.#traces.count();
    if (entityType === 'TRACE_LINK') this.#traces.count(['links']);
    else if (entityType.includes('DIAGRAM')) [this.#details, this.#drawings].map((each) => each.changed());
    else if (entityType === 'TEST_EXECUTION') this.#traces.count(['tests']);
    else if (entityType.startsWith('COMMENT')) this.#details.changed();
    else if (entityType === 'CHANGE_SET') this.#suggestions.changed();
    else if (entityType.startsWith('REVIEW') || entityType === 'SIGNATURE') this.#reviewed();
    else this.#definitions.again();
  }

  /** A review has changed: its drawer shows it, and the details of what it approves. */
  #reviewed() {
    this.#reviews.changed();
    this.#details.changed();
  }

  /** Go to the requirement that the address names: `#requirement=ID`. */
  #goToAddress() {
    const id = new URLSearchParams(location.hash.slice(1)).get('requirement');
    if (!id) return;
    if (!this.#live.row('Requirement', id)) return say('The requirement of this link is not in this document.');
    this.#grid.await(id, 'name');
  }

  #makeGrid(editable) {
    const table = document.getElementById('grid');
    const grid = new Grid(table, this.#live, this.#edits, { choices: this.#choices, editable });
    grid.onNews = news;
    grid.onFocus = (place) => {
      this.#presence.at(place);
      this.#commands?.show();
    };
    grid.onWriting = (place) => (place ? this.#presence.take(place) : this.#presence.release());
    grid.present(this.#places);
    return grid;
  }

  #show(row, event) {
    meet(event?.actor);
    meet(row.updatedBy);
    const byOthers = event && !event.renumbered && !this.#edits.isOwn(event.correlationId);
    if (byOthers && event.actor)
      news(`${nameOf(event.actor.id)}: ${row.name}, ${event.kind.toLowerCase()}.`);
    this.#grid?.show(row, byOthers ? event : undefined);
    this.#details.changed([row.id]);
    this.#suggestions.rowChanged();
    // What it is linked to, and what has tested it, knew its content of before.
    if (!event?.changedFields.some((field) => CONTENT.has(field))) return;
    this.#traces?.doubt(row.id);
    this.#reviews.changed(); // in which its approval falls
  }

  #meet(present) {
    for (const { person } of present) meet(person);
    const others = present.filter((one) => !this.#presence.isOwn(one));
    this.#places = others.map(({ person, focus, leases }) => ({
      id: person.id,
      place: leases.at(-1) ?? focus,
      writing: leases.length > 0,
    }));
    this.#grid?.present(this.#places);
    showPeople(this.#places, (place) => this.#grid?.go(place));
  }

  #close() {
    this.#closed = true;
    this.#edits.paused = true;
    this.#presence.lost();
    this.#grid?.clear();
    this.#details.close();
    this.#drawings?.close();
    this.#suggestions.close();
    this.#reviews.close();
    showClosed(this.#edits.all);
  }
}

async function start() {
  const id = location.pathname.split('/').at(-1);
  const definitions = new Definitions(id);
  const [{ viewer, ...types }] = await Promise.all([ask(START), definitions.read()]);
  if (!viewer) return location.reload(); // the gateway leads to where people sign in
  const named = Object.entries(types);
  const choices = Object.fromEntries(
    named.map(([type, { enumValues }]) => [type, enumValues.map(({ name }) => name)]),
  );
  ask(VISIT, { id }).catch(() => {}); // the list of recent documents is no reason to stop
  new Work(id, meet(viewer.profile), choices, definitions).start();
}

start().catch((failure) => bar(failure.message, 'Try again', () => location.reload()));
