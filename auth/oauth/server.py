"""Authlib's server on one session of the ORM, and the bridge from asynchronous code to it.

`Bridge.run` hands a session over an asyncpg connection of the role gateway_auth to synchronous
code, on the same thread and in the same loop. What that code has done is committed also when it
answers with an OAuth error, for an error may end a family; an exception undoes it.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.errors import UnsupportedGrantTypeError
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from sqlalchemy import exists, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from auth.events import INSERT, Event, as_row
from auth.holding import holding
from auth.identify import DPOP, api_of
from auth.mail import Mail, Outbox, mail, now
from auth.oauth import consents, credentials, families
from auth.oauth.clients import Client
from auth.oauth.devices import DeviceAuthorization, DeviceGrant
from auth.oauth.endpoints import Introspection, Revocation
from auth.oauth.grants import (
    ClientCredentialsGrant,
    CodeGrant,
    Pkce,
    RefreshGrant,
    require_code_allowed,
    require_thumbprint,
)
from auth.oauth.pushed import PushedRequests
from auth.oauth.requests import Asked, InvalidDpopProof, audience, is_clean
from auth.oauth.scopes import SCOPES, in_words
from auth.session.origin import Origin
from auth.session.refusal import refusal
from auth.settings import AuthSettings
from auth.tokens import REFRESH, new_token
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity, ResourceType
from db.core.oauth import Issued, OAuthAccessToken, OAuthClient, OAuthRefreshToken
from db.core.organizations import Organization
from db.core.people import Profile
from db.pool import Database
from db.problem import Problem

# At DEBUG, Authlib writes whole tokens into the log.
logging.getLogger("authlib").setLevel(logging.INFO)

T = TypeVar("T")

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class UnsupportedResponseType(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """Only codes are given out (RFC 6749, section 4.1.2.1)."""

    error = "unsupported_response_type"
    description = "The only response_type is code."


class UnsupportedGrantType(UnsupportedGrantTypeError):  # type: ignore[misc] # no types
    """There is no such way to a token; which one was asked for is not repeated."""

    def get_error_description(self) -> str:
        """What the application's developer reads."""
        return "This grant_type is not supported."


class Server(AuthorizationServer):  # type: ignore[misc] # Authlib has no types
    """The server for one request, bound to one session.

    At its end `events` are recorded, and then `mails` are sent.
    """

    def __init__(self, session: Session, settings: AuthSettings, origin: Origin) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.session, self.settings, self.origin = session, settings, origin
        self.issuer, self.api = settings.url, api_of(settings)
        self.events: list[Event] = []
        self.mails: list[Mail] = []
        self._clients: dict[str, Client | None] = {}
        self.register_client_auth_method(credentials.BASIC, credentials.by_header)
        self.register_client_auth_method(credentials.POST, credentials.by_form)
        self.register_client_auth_method(credentials.NONE, credentials.by_name)
        seconds = settings.access_token_minutes * 60
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: new_token(), lambda **_: new_token(REFRESH), lambda *_: seconds
            ),
        )
        self.register_grant(CodeGrant, [Pkce()])
        self.register_grant(RefreshGrant)
        self.register_grant(ClientCredentialsGrant)
        self.register_grant(DeviceGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_endpoint(PushedRequests)
        self.register_endpoint(DeviceAuthorization)

    # What Authlib asks for

    def query_client(self, client_id: str | None) -> Client | None:
        """The application of this name, unless it has been disabled."""
        if not client_id or not is_clean(client_id):
            return None
        if client_id not in self._clients:
            statement = select(OAuthClient).where(
                OAuthClient.client_id == client_id,
                OAuthClient.disabled_at.is_(None),
                ~exists().where(
                    Organization.id == OAuthClient.managed_by, Organization.deleted_at.is_not(None)
                ),
            )
            row = self.session.scalar(statement)
            self._clients[client_id] = Client(row, self.issuer) if row else None
        return self._clients[client_id]

    def create_oauth2_request(self, request: Asked) -> Asked:
        """The request is complete already."""
        return request

    def send_signal(self, *_: Any, **__: Any) -> None:
        """Nobody listens: what is to be recorded is in `events`."""

    def authenticate_client(
        self, request: Asked, methods: Sequence[str], endpoint: str = "token"
    ) -> Client:
        """The application that sends this. Raises the one error for all failures."""
        request.payload.require_clean()
        credentials.require_one_way(request)
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except InvalidClientError:
            self._note_failure(request)
            raise credentials.Unauthenticated from None
        return client

    def get_token_grant(self, request: Asked) -> Any:
        """How this request wants its token."""
        request.payload.require_clean()
        if request.payload.grant_type is None:
            raise InvalidRequestError("grant_type is required.")
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError:
            raise UnsupportedGrantType(None) from None

    def create_token_response(self, request: Asked) -> Response:
        """Answer a request for a token."""
        try:
            response: Response = super().create_token_response(request)
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        return response

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """What is sent; nothing of it is kept anywhere on its way."""
        headers = {**dict(headers), **NO_STORE}
        return JSONResponse(body, status, headers)

    def handle_error_response(self, request: Asked, error: OAuth2Error) -> Response:
        """An error of the endpoints that applications call themselves."""
        del request
        status, body, headers = error(None)
        return self.handle_response(status, body, headers)

    def save_token(self, token: dict[str, Any], request: Asked) -> None:
        """Keep the digests of what is given out, in the family of what it was given for."""
        client: Client = request.client
        if request.key:
            token["token_type"] = DPOP
        elif client.row.dpop_bound_access_tokens:
            raise InvalidDpopProof("This client's tokens are bound to a key: a proof is needed.")
        old = request.refresh_token.row if request.refresh_token else None
        code = request.authorization_code or request.credential
        source = old or (code.row if code else None)
        granted = source.resource if source else []
        access = OAuthAccessToken(
            token_hash=families.kept(token["access_token"]),
            client_id=client.client_id,
            user_id=request.user,
            scope=token["scope"],
            resource=audience(request, self.api, granted),
            jkt=request.key,
            expires_at=func.now() + timedelta(seconds=token["expires_in"]),
            **({"grant_id": source.grant_id} if source else {}),
        )
        self.session.add(access)
        self.session.flush()  # a refresh token points to it
        if "refresh_token" in token:
            days = timedelta(days=self.settings.refresh_token_days)
            self.session.add(
                OAuthRefreshToken(
                    token=families.kept(token["refresh_token"]),
                    client_id=client.client_id,
                    user_id=request.user,
                    # A narrower access token does not narrow those after it (RFC 6749, 6).
                    scope=old.scope if old else token["scope"],
                    resource=granted,
                    # Whoever has a secret proves by it who it is, and may change its key.
                    jkt=request.key if client.row.is_public else None,
                    expires_at=old.expires_at if old else func.now() + days,
                    grant_id=access.grant_id,
                    parent_id=old.id if old else None,
                    access_token_id=access.id,
                )
            )
        self.note("issue", access, f"Access token: {request.payload.grant_type}.")

    # The authorization endpoint

    def authorization(self, request: Asked, person: UUID | None) -> Any:
        """The grant that a person is asked for. Raises OAuth2Error, with `redirect_uri` if known.

        Until application and address are certain, an error must not be sent anywhere.
        """
        client = self.query_client(request.payload.only("client_id"))
        if client is None:
            raise InvalidRequestError("The application is not known here.")
        if "redirect_uri" in request.form and request.payload.only("redirect_uri") is None:
            raise InvalidRequestError("redirect_uri is malformed.")
        redirect_uri = CodeGrant.validate_authorization_redirect_uri(request, client)
        try:
            request.payload.require_clean()
            if request.payload.response_type is None:
                raise InvalidRequestError("response_type is required.")
            if request.form["response_type"] != "code":
                raise UnsupportedResponseType
            require_code_allowed(client)
            if client.row.require_pushed_authorization_requests and request.pushed is None:
                raise InvalidRequestError("This client pushes its requests.")
            audience(request, self.api)
            require_thumbprint(request)
            return self.get_consent_grant(request, person)
        except OAuth2Error as error:
            self.refuse(request, error, redirect_uri)

    def refuse(self, request: Asked, error: OAuth2Error, redirect_uri: str) -> NoReturn:
        """Raise the error, to be sent to the application at this address."""
        error.redirect_uri, error.state = redirect_uri, request.payload.only("state")
        raise error

    def hold(self, viewer: Viewer) -> bool:
        """Whether this session goes on; if so, it cannot end before this transaction does.

        That comes before all that is written for the person.
        """
        return bool(self.session.scalar(holding(viewer)))

    def authorize(self, request: Asked, grant: Any, person: UUID) -> str:
        """Where to send the browser, with a code for what the person has agreed to."""
        code = grant.generate_authorization_code()
        request.user = person
        grant.save_authorization_code(code, request)
        answer = [("code", code)]
        if state := request.payload.only("state"):
            answer.append(("state", state))
        return with_answer(grant.redirect_uri, answer, self.issuer)

    # The record, and what people are told

    def note_consent(self, asked: Asked, person: UUID) -> None:
        """Record that the person has agreed, and tell them, the first time, by mail."""
        if consents.is_first(self.session, asked.client, person):
            scopes = in_words(asked.scope)
            self._tell(person, asked.client.client_id, "application_connected", scopes=scopes)
        self.events.append(
            Event(
                entity_type="OAuthClient",
                entity_id=asked.client.row.id,
                action="consent",
                type=AuditEventType.PERMISSION_CHANGE,
                description="Application allowed to act in somebody's name.",
                resource=ResourceType.OAUTH_CLIENT,
                actor_id=person,
                user_id=person,
                client_id=asked.client.client_id,
                details={"scope": asked.scope},
            )
        )

    def _note_failure(self, asked: Asked) -> None:
        """Record that somebody was not the application they said; of unknown ones, nothing."""
        client = self.query_client(credentials.claimed(asked))
        if client is None:
            return
        self.events.append(
            Event(
                entity_type="OAuthClient",
                entity_id=client.row.id,
                action="authenticate",
                type=AuditEventType.LOGIN_FAILED,
                description="Application did not prove who it is.",
                resource=ResourceType.OAUTH_CLIENT,
                severity=AuditSeverity.MEDIUM,
                client_id=client.client_id,
            )
        )

    def stamp(self, row: Issued, column: str) -> None:
        """Put the time of this transaction into the column."""
        setattr(row, column, func.now())

    def end_reused(self, row: Any, kind: Literal["code", "device code", "refresh token"]) -> None:
        """Somebody has used this twice: one of them is a thief, so all of its family ends."""
        if families.end(self.session, row.grant_id):
            self._tell(row.user_id, row.client_id, "tokens_reused")
            self.note(
                "reuse",
                row,
                f"A {kind} was used twice; every token of its grant has ended.",
                severity=AuditSeverity.HIGH,
                details={"kind": kind, "grant_id": str(row.grant_id)},
            )

    def _tell(self, person: UUID, client_id: str, template: str, **values: object) -> None:
        """Mail this to the person once it is kept."""
        client = self.query_client(client_id)
        living = (Profile.id == person, Profile.deleted_at.is_(None))
        email = self.session.scalar(select(Profile.email).where(*living))
        if client is not None and email is not None:
            told = {"application": client.row.client_name, "time": now(), **values}
            self.mails.append(mail(template, email, self.settings, **told))

    def note(self, action: str, row: Any, description: str, **rest: Any) -> None:
        """Record at the end of the transaction what has happened to this row."""
        details = rest.pop("details", {"scope": row.scope, "grant_id": str(row.grant_id)})
        self.events.append(
            Event(
                entity_type=type(row).__name__,
                entity_id=row.id,
                action=action,
                type=AuditEventType.ADMINISTRATION,
                description=description,
                resource=ResourceType.TOKEN,
                user_id=row.user_id,
                client_id=row.client_id,
                details=details,
                **rest,
            )
        )


class Bridge:
    """Runs synchronous work with a `Server`, in one transaction."""

    def __init__(self, database: Database, settings: AuthSettings, outbox: Outbox) -> None:
        self.database, self.settings, self.outbox = database, settings, outbox

    async def run(self, work: Callable[[Server], T], origin: Origin) -> T:
        """What the work gives back, once all of it is kept. Raises BUSY and TIMEOUT."""

        def serve(session: Session) -> tuple[T, Server]:
            server = Server(session, self.settings, origin)
            result = work(server)
            session.flush()
            return result, server

        try:
            async with AsyncSession(self.database.auth_orm, expire_on_commit=False) as session:
                result, server = await session.run_sync(serve)
                connection = await session.connection()
                for event in server.events:
                    await connection.exec_driver_sql(INSERT, as_row(event, origin))
                await session.commit()
        except PoolTimeout:
            raise Problem("BUSY", "The database has no connection to spare.") from None
        except TimeoutError:  # the driver's, when the server does not even say that it is too slow
            raise Problem("TIMEOUT", "The database took too long.") from None
        except DBAPIError as error:
            raise refusal(error) from error
        for told in server.mails:
            self.outbox.tell(told)
        return result


def with_answer(redirect_uri: str, answer: Sequence[tuple[str, str]], issuer: str) -> str:
    """An application's address with our answer, which names us (RFC 9207, section 2)."""
    sign = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{sign}{urlencode([*answer, ('iss', issuer)])}"
