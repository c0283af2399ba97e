"""Token exchange (RFC 8693): an agent acts for a person with fewer rights than the person gave.

The new token belongs to the family of the subject's token, and lives no longer. It stops when any
token that it comes from is revoked, and when any application or service account in the chain of
actors ends (`ctx.delegation_holds`).
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
    grants,
)
from sqlalchemy import func, select

from auth.credentials.identify import BEARER, DPOP
from auth.credentials.tokens import PREFIX, is_token, new_token
from auth.oauth.base_server import BaseServer
from auth.oauth.clients import EXCHANGE, Client
from auth.oauth.confinement import PROJECT, Confinement, of_project
from auth.oauth.credentials import CONFIDENTIAL
from auth.oauth.grants import require_key
from auth.oauth.interaction import DETAILS, refused, requested
from auth.oauth.requests import InvalidDpopProof, OAuthRequest, audience
from auth.oauth.token_families import Held, digest_of, is_person, locked
from auth.policy.scope_names import SCOPES, allows_everything
from db.core.oauth import OAuthAccessToken
from db.core.organizations import OrganizationMember

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (a type)
MAX_ACTORS = 3
"""Applications that may act for a person one through the other."""
NOT_VALID = "The subject_token is not a valid access token of a person."


class ExchangeGrant(
    grants.BaseGrant,  # type: ignore[misc] # Authlib has no types
    grants.TokenEndpointMixin,  # type: ignore[misc]
):
    """The exchange of a person's access token for one of an agent, which acts for them."""

    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    request: OAuthRequest
    server: BaseServer
    subject: Held[OAuthAccessToken]

    def validate_token_request(self) -> None:
        """Set client, subject and scope of the request. Raises OAuth2Error."""
        client: Client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(EXCHANGE):
            raise UnauthorizedClientError("The client may not exchange tokens.")
        self.request.client = client
        form = self.request.form
        if form.get("subject_token_type") != ACCESS_TOKEN:
            raise InvalidRequestError(f"subject_token_type must be {ACCESS_TOKEN}.")
        if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
            raise InvalidRequestError(f"requested_token_type must be {ACCESS_TOKEN}.")
        self.subject = self._live(form.get("subject_token", ""))
        if not is_person(self.server.session, self.subject.row.user_id):
            raise InvalidRequestError(NOT_VALID)
        if len(self.subject.row.actors) >= MAX_ACTORS:
            raise InvalidRequestError(f"At most {MAX_ACTORS} applications act in a chain.")
        self._require_actor()
        require_key(self.request, self.subject)
        if client.row.dpop_bound_access_tokens and self.request.key is None:
            raise InvalidDpopProof("This client's tokens are bound to a key: a proof is needed.")
        self.scope = self._narrowed()

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """Store the token, and return it (RFC 8693, section 2.2.1). There is no refresh token."""
        subject, client = self.subject.row, self.request.client
        confinement = self._confinement()
        token, longest = new_token(), timedelta(minutes=self.server.settings.access_token_minutes)
        access = OAuthAccessToken(
            token_hash=digest_of(token),
            client_id=client.client_id,
            user_id=subject.user_id,
            scope=self.scope,
            resource=audience(self.request, self.server.api, subject.resource),
            jkt=self.request.key,
            expires_at=func.least(func.now() + longest, subject.expires_at),
            session_id=subject.session_id,
            **confinement.columns,
            authenticated_at=subject.authenticated_at,
            methods=subject.methods,
            grant_id=subject.grant_id,
            ancestors=[subject.id, *subject.ancestors],
            actors=[client.client_id, *subject.actors],
        )
        session = self.server.session
        session.add(access)
        session.flush()
        session.refresh(access, ["expires_at", "created_at"])
        self.server.note(
            "issue",
            access,
            "Access token exchanged: an application acts for a person.",
            details={
                "scope": self.scope,
                "grant_id": str(access.grant_id),
                "subject_token_id": str(subject.id),
                "subject_client_id": subject.client_id,
                "actors": access.actors,
            },
        )
        left = access.expires_at - session.scalars(select(func.now())).one()
        answer = {
            "access_token": token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": DPOP if self.request.key else BEARER,
            "expires_in": int(left.total_seconds()),
            "scope": self.scope,
        }
        if confinement.details:
            answer[DETAILS] = confinement.details
        return 200, answer, self.TOKEN_RESPONSE_HEADER

    def _live(self, token: str) -> Held[OAuthAccessToken]:
        """Return the token, its family locked. Raises InvalidRequestError unless it works."""
        held = locked(self.server.session, OAuthAccessToken, token)
        if (
            held is None
            or not is_token(token, PREFIX)
            or not held.in_time
            or held.row.revoked_at is not None
            or self.server.query_client(held.row.client_id) is None
        ):
            raise InvalidRequestError(NOT_VALID)
        return held

    def _require_actor(self) -> None:
        """Refuse an actor other than the client, which always is the one that acts."""
        form = self.request.form
        if "actor_token" not in form and "actor_token_type" not in form:
            return
        if form.get("actor_token_type") != ACCESS_TOKEN or "actor_token" not in form:
            raise InvalidRequestError(f"actor_token_type must be {ACCESS_TOKEN}.")
        actor = self._live(form["actor_token"])
        itself = (self.request.client.client_id, self.request.client.row.service_account_id)
        if (actor.row.client_id, actor.row.user_id) != itself:
            raise InvalidRequestError("The actor_token is not the client's own.")
        require_key(self.request, actor)

    def _narrowed(self) -> str:
        """Return the scopes of the new token. Raises InvalidScopeError for more than allowed."""
        held = self.subject.row.scope
        theirs = included(SCOPES if held is None else self.subject.get_scope().split())
        own = included(self.request.client.row.scope.split())
        most = [scope for scope in SCOPES if scope in theirs & own - {"admin"}]
        text = self.request.payload.scope
        wanted = list(dict.fromkeys(text.split(" "))) if text else most
        if not wanted or not set(wanted) <= set(most):
            raise InvalidScopeError
        return " ".join(wanted)

    def _confinement(self) -> Confinement:
        """Return the restriction of the new token. Raises Unsupported for a wider one."""
        subject, session = self.subject.row, self.server.session
        held = Confinement.of(subject)
        if allows_everything(subject.scope):  # such a token is confined by its application
            client = self.server.query_client(subject.client_id)
            managed_by = client.row.managed_by if client else None
            held = held._replace(organization=held.organization or managed_by)
        wanted = requested(self.request)
        if wanted is None or wanted.id == held.organization:
            return held
        if wanted.type == PROJECT:
            found = of_project(session, self._person(), wanted.id)
        else:
            found = Confinement(wanted.id) if self._is_member(wanted.id) else None
        if found is None or not found.is_within(held):
            raise refused()
        return found

    def _person(self) -> UUID:
        person = self.subject.row.user_id
        assert person is not None  # noqa: S101 (the request was refused before)
        return person

    def _is_member(self, organization_id: UUID) -> bool:
        member = select(OrganizationMember.id).where(
            OrganizationMember.organization_id == organization_id,
            OrganizationMember.user_id == self._person(),
            OrganizationMember.deleted_at.is_(None),
        )
        return self.server.session.scalar(member) is not None


def included(scopes: Any) -> set[str]:
    """Return these scopes with those that they include."""
    found = set(scopes)
    if "admin" in found:
        found |= set(SCOPES)
    return found | {scope.replace(":write", ":read") for scope in found if scope.endswith(":write")}
