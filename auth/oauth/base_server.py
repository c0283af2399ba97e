"""The base of Authlib's server for grants and endpoints: its session, applications, and record."""

import logging
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from auth.accounts.mail import Mail, mail, now
from auth.credentials.identify import api_of
from auth.events import Event
from auth.oauth import credentials, interaction, token_families
from auth.oauth.clients import Client
from auth.oauth.requests import OAuthRequest, is_clean
from auth.origin import Origin
from auth.policy.scope_names import OPENID_SCOPES, SCOPES
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity
from db.core.oauth import Issued, OAuthClient
from db.core.organizations import Organization
from db.core.people import Profile
from db.traits import ResourceType

# At DEBUG, Authlib writes whole tokens into the log.
logging.getLogger("authlib").setLevel(logging.INFO)

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class BaseServer(AuthorizationServer):  # type: ignore[misc] # Authlib has no types
    """The server for one request, bound to one session, without its grants and endpoints.

    At its end `events` are recorded, and then `mails` are sent.
    """

    def __init__(self, session: Session, settings: AuthSettings, origin: Origin) -> None:
        super().__init__(scopes_supported=[*SCOPES, *OPENID_SCOPES])
        self.session, self.settings, self.origin = session, settings, origin
        self.issuer, self.api = settings.url, api_of(settings)
        self.events: list[Event] = []
        self.mails: list[Mail] = []
        self._clients: dict[str, Client | None] = {}

    def query_client(self, client_id: str | None) -> Client | None:
        """Return the application of this name, unless it has been disabled."""
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

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        """Return the request unchanged: it is complete already."""
        return request

    def send_signal(self, *_: Any, **__: Any) -> None:
        """Do nothing: events are recorded in `events`."""

    def authenticate_client(
        self, request: OAuthRequest, methods: Sequence[str], endpoint: str = "token"
    ) -> Client:
        """Return the application that sends this.

        Raises one and the same error for all failures.
        """
        request.payload.require_clean()
        interaction.refuse_details(request)
        credentials.require_one_way(request)
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except InvalidClientError:
            self._note_failure(request)
            raise credentials.Unauthenticated from None
        return client

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Return the response; it must not be cached on its way."""
        headers = {**dict(headers), **NO_STORE}
        return JSONResponse(body, status, headers)

    def handle_error_response(self, request: OAuthRequest, error: OAuth2Error) -> Response:
        """Return an error of the endpoints that applications call themselves."""
        del request
        status, body, headers = error(None)
        return self.handle_response(status, body, headers)

    def authorization(self, request: OAuthRequest, person: UUID | None) -> Any:
        """Return the grant that a person is asked for; `auth.oauth.server` knows the grants."""
        raise NotImplementedError

    def _note_failure(self, oauth_request: OAuthRequest) -> None:
        """Record a failed authentication of an application; of unknown ones, nothing."""
        client = self.query_client(credentials.claimed(oauth_request))
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
        """Set the column to the time of this transaction."""
        setattr(row, column, func.now())

    def end_reused(self, row: Any, kind: Literal["code", "device code", "refresh token"]) -> None:
        """End the whole family of a code or token that was used twice: one of the two is stolen."""
        if token_families.end(self.session, row.grant_id):
            self.mail_person(row.user_id, row.client_id, "tokens_reused")
            self.note(
                "reuse",
                row,
                f"A {kind} was used twice; every token of its grant has ended.",
                severity=AuditSeverity.HIGH,
                details={"kind": kind, "grant_id": str(row.grant_id)},
            )

    def mail_person(self, person: UUID, client_id: str, template: str, **values: object) -> None:
        """Mail this to the person once the transaction is committed."""
        client = self.query_client(client_id)
        living = (Profile.id == person, Profile.deleted_at.is_(None))
        email = self.session.scalar(select(Profile.email).where(*living))
        if client is not None and email is not None:
            told = {"application": client.row.client_name, "time": now(), **values}
            self.mails.append(mail(template, email, self.settings, **told))

    def note(self, action: str, row: Any, description: str, **rest: Any) -> None:
        """Record an event of this row at the end of the transaction."""
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
