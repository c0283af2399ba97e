"""Authlib's server, for one request, on one session of the ORM (`auth.oauth.bridge`)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6749.errors import UnsupportedGrantTypeError
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from auth.accounts.step_up import last_proof
from auth.credentials.credential_lock import lock_statement
from auth.credentials.identify import DPOP
from auth.credentials.tokens import REFRESH, new_token
from auth.events import Event
from auth.oauth import consents, credentials, id_tokens, interaction, token_families
from auth.oauth.base_server import BaseServer
from auth.oauth.clients import PRIVATE_KEY, Client
from auth.oauth.confinement import EVERYWHERE, Confinement
from auth.oauth.devices import DeviceAuthorization, DeviceGrant
from auth.oauth.endpoints import Introspection, Revocation
from auth.oauth.exchange import ExchangeGrant
from auth.oauth.grants import (
    ClientCredentialsGrant,
    CodeGrant,
    Pkce,
    RefreshGrant,
    require_code_allowed,
    require_thumbprint,
)
from auth.oauth.id_tokens import InvalidIdTokenError, authentication
from auth.oauth.interaction import DETAILS
from auth.oauth.pushed import PushedRequests
from auth.oauth.requests import InvalidDpopProof, OAuthRequest, audience
from auth.origin import Origin
from auth.policy.scope_names import IDENTITY, in_words
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType
from db.core.oauth import Issued, OAuthAccessToken, OAuthRefreshToken
from db.traits import ResourceType


class UnsupportedResponseType(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """Only codes are issued (RFC 6749, section 4.1.2.1)."""

    error = "unsupported_response_type"
    description = "The only response_type is code."


class UnsupportedGrantType(UnsupportedGrantTypeError):  # type: ignore[misc] # no types
    """The grant type is not supported; the error does not repeat it."""

    def get_error_description(self) -> str:
        """Return the text for the application's developer."""
        return "This grant_type is not supported."


class Server(BaseServer):
    """The server for one request, with its grants and endpoints."""

    def __init__(self, session: Session, settings: AuthSettings, origin: Origin) -> None:
        super().__init__(session, settings, origin)
        self.register_client_auth_method(credentials.BASIC, credentials.by_header)
        self.register_client_auth_method(credentials.POST, credentials.by_form)
        self.register_client_auth_method(PRIVATE_KEY, credentials.by_assertion)
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
        self.register_grant(ExchangeGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_endpoint(PushedRequests)
        self.register_endpoint(DeviceAuthorization)

    # What Authlib asks for

    def get_token_grant(self, request: OAuthRequest) -> Any:
        """Return the grant for this token request."""
        request.payload.require_clean()
        if request.payload.grant_type is None:
            raise InvalidRequestError("grant_type is required.")
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError:
            raise UnsupportedGrantType(None) from None

    def create_token_response(self, request: OAuthRequest) -> Response:
        """Answer a request for a token."""
        try:
            response: Response = super().create_token_response(request)
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        return response

    def save_token(self, token: dict[str, Any], request: OAuthRequest) -> None:
        """Store the digests of new tokens, in the family of their grant."""
        client: Client = request.client
        if request.key:
            token["token_type"] = DPOP
        elif client.row.dpop_bound_access_tokens:
            raise InvalidDpopProof("This client's tokens are bound to a key: a proof is needed.")
        old = request.refresh_token.row if request.refresh_token else None
        code = request.authorization_code or request.credential
        source = old or (code.row if code else None)
        granted = source.resource if source else []
        confinement = Confinement.of(source) if source else EVERYWHERE
        if confinement.details:
            token[DETAILS] = confinement.details
        access = OAuthAccessToken(
            token_hash=token_families.digest_of(token["access_token"]),
            client_id=client.client_id,
            user_id=request.user,
            scope=token["scope"],
            resource=audience(request, self.api, granted),
            jkt=request.key,
            expires_at=func.now() + timedelta(seconds=token["expires_in"]),
            session_id=source.session_id if source else None,
            **confinement.columns,
            authenticated_at=source.authenticated_at if source else None,
            methods=source.methods if source else [],
            **({"grant_id": source.grant_id} if source else {}),
        )
        self.session.add(access)
        self.session.flush()  # a refresh token points to it
        if "refresh_token" in token:
            began = token_families.began(old)
            idle, longest = (
                timedelta(days=days)
                for days in (self.settings.refresh_token_days, self.settings.refresh_token_max_days)
            )
            self.session.add(
                OAuthRefreshToken(
                    token=token_families.digest_of(token["refresh_token"]),
                    client_id=client.client_id,
                    user_id=request.user,
                    # A narrower access token does not narrow those after it (RFC 6749, 6).
                    scope=old.scope if old else token["scope"],
                    resource=granted,
                    # Whoever has a secret proves by it who it is, and may change its key.
                    jkt=request.key if client.row.is_public else None,
                    granted_at=began,
                    expires_at=func.least(func.now() + idle, began + longest),
                    session_id=access.session_id,
                    **confinement.columns,
                    authenticated_at=access.authenticated_at,
                    methods=access.methods,
                    grant_id=access.grant_id,
                    parent_id=old.id if old else None,
                    access_token_id=access.id,
                )
            )
        if source is not None and IDENTITY in token["scope"].split():
            token["id_token"] = self._id_token(access, token["access_token"], source)
        self.note("issue", access, f"Access token: {request.payload.grant_type}.")

    def _id_token(self, access: OAuthAccessToken, access_token: str, source: Issued) -> str:
        """Return the ID token of a grant; a refreshed one has no nonce (Core, section 12.2)."""
        nonce = getattr(source, "nonce", None)
        claims = {
            "sub": str(access.user_id),
            "aud": access.client_id,
            **authentication(access.authenticated_at, access.methods),
            **({"nonce": nonce} if nonce else {}),
        }
        now = self.session.scalars(select(func.now())).one()
        return id_tokens.issue(self.session, self.settings, claims, access_token, now)

    # The authorization endpoint

    def authorization(self, request: OAuthRequest, person: UUID | None) -> Any:
        """Return the grant that a person is asked for.

        Raises OAuth2Error, with `redirect_uri` if known. Until application and address are certain,
        an error must not be sent anywhere.
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
            interaction.read(request)
            interaction.requested(request)
            self._read_hint(request, client)
            audience(request, self.api)
            require_thumbprint(request)
            return self.get_consent_grant(request, person)
        except OAuth2Error as error:
            self.refuse(request, error, redirect_uri)

    def _read_hint(self, request: OAuthRequest, client: Client) -> None:
        """Set the person whom `id_token_hint` names. Raises InvalidRequestError."""
        hint = request.form.get("id_token_hint")
        if hint is None:
            return
        try:
            request.hinted, _ = id_tokens.subject_of(
                self.session, self.settings, hint, client.client_id
            )
        except InvalidIdTokenError:
            message = "id_token_hint is no ID token that was issued to this client."
            raise InvalidRequestError(message) from None

    def refuse(self, request: OAuthRequest, error: OAuth2Error, redirect_uri: str) -> NoReturn:
        """Raise the error, to be sent to the application at this address."""
        error.redirect_uri, error.state = redirect_uri, request.payload.only("state")
        raise error

    def hold(self, viewer: Viewer) -> bool:
        """Return whether this session goes on; if so, lock it until the end of this transaction.

        This precedes all that is written for the person.
        """
        return bool(self.session.scalar(lock_statement(viewer)))

    def authorize(self, request: OAuthRequest, grant: Any, viewer: Viewer) -> str:
        """Return the redirect with a code for the scopes that the person has consented to.

        The tokens of a first-party application end with the session in which they are requested.
        """
        code = grant.generate_authorization_code()
        request.user = viewer.id
        request.proof_of_person = last_proof(self.session, viewer)
        if request.client.row.is_first_party and viewer.session_id:
            request.session_id = UUID(viewer.session_id)
        grant.save_authorization_code(code, request)
        answer = [("code", code)]
        if state := request.payload.only("state"):
            answer.append(("state", state))
        return with_answer(grant.redirect_uri, answer, self.issuer)

    # The record, and what people are told

    def note_consent(self, oauth_request: OAuthRequest, person: UUID) -> None:
        """Record that the person has consented and, the first time, notify them by mail."""
        if consents.is_first(self.session, oauth_request.client, person):
            scopes = in_words(oauth_request.scope)
            self.mail_person(
                person, oauth_request.client.client_id, "application_connected", scopes=scopes
            )
        restriction = oauth_request.confinement.details
        told = {DETAILS: restriction} if restriction else {}
        self.events.append(
            Event(
                entity_type="OAuthClient",
                entity_id=oauth_request.client.row.id,
                action="consent",
                type=AuditEventType.PERMISSION_CHANGE,
                description="Application allowed to act in somebody's name.",
                resource=ResourceType.OAUTH_CLIENT,
                actor_id=person,
                user_id=person,
                client_id=oauth_request.client.client_id,
                details={"scope": oauth_request.scope, **told},
            )
        )


def with_answer(redirect_uri: str, answer: Sequence[tuple[str, str]], issuer: str) -> str:
    """Return an application's address with our answer, which names us (RFC 9207, section 2)."""
    sign = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{sign}{urlencode([*answer, ('iss', issuer)])}"
