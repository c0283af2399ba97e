"""The answer to a request for a code: a question to its person, or a code.

Both run the same checks, in the transaction in which a code is issued.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Error

from auth.accounts.step_up import last_proof
from auth.credentials.credential_lock import CredentialEnded
from auth.oauth import consents, interaction
from auth.oauth.clients import Client
from auth.oauth.confinement import EVERYWHERE, Confinement, Place, parsed
from auth.oauth.interaction import (
    ConsentRequired,
    Interaction,
    LoginRequired,
    UnmetAuthenticationRequirements,
)
from auth.oauth.reach import Registrant, choices, choose, registrant, require_within
from auth.oauth.requests import OAuthRequest
from auth.oauth.server import Server
from auth.policy.scope_names import allows_everything
from auth.viewer import ANONYMOUS, Viewer


class Question(NamedTuple):
    """A question for the page; `scope` is None when somebody must sign in first.

    `hint` is the account that the application asks for. An `unproved` person must give a fresh
    proof first: after the request came, where `began` says when that was.
    """

    client: Client
    redirect_uri: str
    scope: str | None
    hint: str | None = None
    unproved: bool = False
    began: datetime | None = None
    registrant: Registrant | None = None
    places: Sequence[Place] = ()
    """Organizations and projects of which the person may choose one."""
    is_narrowed: bool = False
    """True when the application asks for one place, which is then the only choice."""
    is_for_another: bool = False
    """True when the application asks for the account of an ID token, and another is signed in."""


def question(
    server: Server, oauth_request: OAuthRequest, viewer: Viewer, began: datetime | None
) -> Question | str:
    """Return the question to ask, or the address to redirect to without one.

    Anybody may register an application, and with it an address: nobody is redirected there before
    they have signed in, for whatever reason (RFC 9700, section 4.11.2). `prompt=none` is the
    exception. `began` is when the request first came, if it has led to a proof. Raises OAuth2Error.
    """
    try:
        grant = server.authorization(oauth_request, viewer.id)
    except OAuth2Error as error:
        client = server.query_client(oauth_request.payload.only("client_id"))
        silent = oauth_request.form.get("prompt") == "none"
        if (
            viewer.id
            or silent
            or not (client and client.row.is_self_registered and error.redirect_uri)
        ):
            raise
        return Question(client, error.redirect_uri, None)
    _require_within(server, oauth_request, grant.redirect_uri, viewer)
    wanted = interaction.read(oauth_request)
    only = _only(server, oauth_request, grant.redirect_uri, viewer)
    found = _obstacle(server, oauth_request, grant.redirect_uri, viewer, wanted, began, only)
    if found and wanted.is_silent:
        is_them = not (found.hint or found.is_for_another)
        asks = found.scope is not None and not found.unproved and is_them
        refusal = ConsentRequired() if asks else LoginRequired()
        server.refuse(oauth_request, refusal, grant.redirect_uri)
    if found:
        return found
    if not server.hold(viewer):
        return question(server, oauth_request, ANONYMOUS, began)
    agreed = consents.confinement(server.session, oauth_request.client, viewer.id)
    oauth_request.confinement = only or agreed
    return server.authorize(oauth_request, grant, viewer)


def _require_within(
    server: Server, oauth_request: OAuthRequest, redirect_uri: str, viewer: Viewer
) -> None:
    """Refuse the application when this person may not let it do everything. Raises OAuth2Error."""
    if viewer.id is not None:
        try:
            require_within(oauth_request.client, oauth_request.scope, viewer)
        except AccessDeniedError as error:
            server.refuse(oauth_request, error, redirect_uri)


def _only(
    server: Server, oauth_request: OAuthRequest, redirect_uri: str, viewer: Viewer
) -> Confinement | None:
    """Return the only place that the application asks for; None without one, or for nobody.

    Raises OAuth2Error when the person does not reach it.
    """
    named = interaction.requested(oauth_request)
    if named is None or viewer.id is None:
        return None
    try:
        client, scope = oauth_request.client, oauth_request.scope
        found = choose(server.session, client, scope, viewer, named.id)
        if found.details[0]["type"] != named.type:
            raise AccessDeniedError  # noqa: TRY301 (refused alike)
    except AccessDeniedError as error:
        server.refuse(oauth_request, error, redirect_uri)
    return found


def _obstacle(
    server: Server,
    oauth_request: OAuthRequest,
    uri: str,
    viewer: Viewer,
    wanted: Interaction,
    began: datetime | None,
    only: Confinement | None,
) -> Question | None:
    """Return the question that blocks a code, or None: sign-in, account, proof or consent."""
    client, scope = oauth_request.client, oauth_request.scope
    proved_at, now, methods = last_proof(server.session, viewer)
    if not wanted.needs_proof:
        began = None
    elif began is None or not wanted.is_recent(began, now):
        began = now
    if viewer.id is None:
        return Question(client, uri, None, wanted.login_hint, began=began)
    if not wanted.is_reached(methods):
        server.refuse(oauth_request, UnmetAuthenticationRequirements(), uri)
    hint = None if wanted.is_for(viewer.email) else wanted.login_hint
    is_another = oauth_request.hinted not in (None, viewer.id)
    must_ask = wanted.must_ask or consents.is_asked(
        server.session, client, viewer.id, scope, uri, server.issuer, only
    )
    proved = wanted.is_proved(proved_at, now, began, fully=allows_everything(scope))
    if not proved and not (must_ask and wanted.is_silent):  # where both are due, one is told
        return Question(client, uri, scope, hint, unproved=True, began=began)
    if not (must_ask or hint or is_another):
        return None
    return Question(
        client,
        uri,
        scope,
        hint,
        registrant=registrant(server.session, client, viewer),
        places=choices(server.session, client, scope, viewer, only),
        is_narrowed=only is not None,
        is_for_another=is_another,
    )


def answer(
    server: Server,
    oauth_request: OAuthRequest,
    viewer: Viewer,
    *,
    allowed: bool,
    proved: bool,
    shown: str,
    place: str,
) -> str | None:
    """Return the redirect with the person's answer; None when they must be asked once more.

    That is for a fresh proof, or because the application's registration has changed since its page
    was shown. `place` is the only organization or project that it is to reach; empty for all.
    Raises CredentialEnded, and OAuth2Error.
    """
    person = viewer.id
    assert person  # noqa: S101 (nobody else is asked)
    grant = server.authorization(oauth_request, person)
    if registration(oauth_request.client) != shown:
        return None
    if not allowed:
        server.refuse(oauth_request, AccessDeniedError(), grant.redirect_uri)
    if allows_everything(oauth_request.scope) and not proved:
        return None
    _require_within(server, oauth_request, grant.redirect_uri, viewer)
    confinement = _only(server, oauth_request, grant.redirect_uri, viewer) or _chosen(
        server, oauth_request, grant.redirect_uri, viewer, place
    )
    oauth_request.confinement = confinement
    if not server.hold(viewer):
        raise CredentialEnded
    consents.first_of(server.session, oauth_request.client)
    server.note_consent(oauth_request, person)
    if consents.is_kept(grant.redirect_uri):
        consents.keep(
            server.session,
            oauth_request.client,
            person,
            oauth_request.scope,
            confinement,
        )
    return server.authorize(oauth_request, grant, viewer)


def _chosen(
    server: Server, oauth_request: OAuthRequest, redirect_uri: str, viewer: Viewer, place: str
) -> Confinement:
    """Return the place that a form names; everywhere for none. Raises OAuth2Error."""
    if not place:
        return EVERYWHERE
    try:
        client, scope = oauth_request.client, oauth_request.scope
        return choose(server.session, client, scope, viewer, parsed(place))
    except AccessDeniedError as error:
        server.refuse(oauth_request, error, redirect_uri)


def registration(client: Client) -> str:
    """Return the version of an application's registration."""
    return client.row.updated_at.isoformat()
