"""Devices without a browser (RFC 8628): they show a code, and poll until it is entered."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidGrantError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)
from sqlalchemy import case, func, update
from sqlalchemy.dialects.postgresql import insert

from auth.credentials.tokens import DEVICE, is_token, new_token
from auth.events import Event
from auth.oauth.base_server import BaseServer
from auth.oauth.clients import DEVICE_CODE, Client
from auth.oauth.credentials import METHODS
from auth.oauth.grants import require_key
from auth.oauth.requests import OAuthRequest, audience
from auth.oauth.token_families import Held, digest_of, in_good_standing, locked
from auth.oauth.user_codes import DEVICE_PAGE, kept_user_code, new_user_code
from db.change import AuditEventType
from db.core.oauth import OAuthDeviceCode
from db.traits import ResourceType

LIFETIME = timedelta(minutes=10)
INTERVAL = 5
"""Seconds between two polls at first, and those added after each that came too early."""


class DeviceAuthorization(DeviceAuthorizationEndpoint):  # type: ignore[misc] # no types
    """The endpoint where a device gets its two codes (RFC 8628, sections 3.1 and 3.2)."""

    CLIENT_AUTH_METHODS = METHODS

    server: BaseServer

    def create_endpoint_response(
        self, request: OAuthRequest
    ) -> tuple[int, dict[str, Any], list[Any]]:
        """Return the device code, the user code and the address to enter it at.

        Raises OAuth2Error.
        """
        client: Client = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError("The client may not ask on devices.")
        scope = client.get_allowed_scope(request.scope)
        if scope is None:
            raise InvalidScopeError
        device_code = new_token(DEVICE)
        resource = audience(request, self.server.api)
        user_code = self._save(client, device_code, scope, resource, request.key)
        page = self.server.issuer + DEVICE_PAGE
        return (
            200,
            {
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?{urlencode({'user_code': user_code})}",
                "expires_in": int(LIFETIME.total_seconds()),
                "interval": INTERVAL,
            },
            [],
        )

    def _save(
        self, client: Client, device_code: str, scope: str, resource: list[str], key: str | None
    ) -> str:
        """Store the digests, with a user code that no other device has; return that code."""
        origin, id = self.server.origin, None
        while id is None:
            user_code = new_user_code()
            statement = (
                insert(OAuthDeviceCode)
                .values(
                    device_code=digest_of(device_code),
                    user_code=kept_user_code(self.server.settings, user_code),
                    client_id=client.client_id,
                    scope=scope,
                    resource=resource,
                    jkt=key,
                    poll_interval=INTERVAL,
                    ip_address=origin.ip_address,
                    user_agent=origin.user_agent,
                    expires_at=func.now() + LIFETIME,
                )
                .on_conflict_do_nothing(index_elements=["user_code"])
                .returning(OAuthDeviceCode.id)
            )
            id = self.server.session.scalar(statement)
        self.server.events.append(
            Event(
                entity_type="OAuthDeviceCode",
                entity_id=id,
                action="device_request",
                type=AuditEventType.ADMINISTRATION,
                description="Application showed a code on a device.",
                resource=ResourceType.OAUTH_CLIENT,
                client_id=client.client_id,
                details={"scope": scope},
            )
        )
        return user_code


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc] # Authlib has no types
    """A device code, once somebody has let the device have its tokens (RFC 8628, section 3.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    request: OAuthRequest
    server: BaseServer

    def authenticate_token_endpoint_client(self) -> Client:
        """Return the application that polls."""
        client: Client = super().authenticate_token_endpoint_client()
        self.request.client = client
        return client

    def query_device_credential(self, code: str) -> Held[OAuthDeviceCode]:
        """Return the code, locked. Raises InvalidGrantError when it is not this application's.

        A code that is older than the application's present registration is refused, too.
        """
        stored = locked(self.server.session, OAuthDeviceCode, code)
        client: Client = self.request.client
        if stored is None or not is_token(code, DEVICE) or not stored.check_client(client):
            raise InvalidGrantError
        require_key(self.request, stored)
        if stored.row.created_at < client.row.updated_at:
            raise InvalidGrantError
        return stored

    def validate_device_credential(self, credential: Held[OAuthDeviceCode]) -> UUID:
        """Return the person who has allowed it.

        Raises AuthorizationPendingError, SlowDownError, ExpiredTokenError, AccessDeniedError, and
        InvalidGrantError when it was used before or the person's account is closed.
        """
        row = credential.row
        if row.used_at is not None:
            self.server.end_reused(row, "device code")
            raise InvalidGrantError
        if credential.is_expired():
            raise ExpiredTokenError
        if row.allowed is False:
            raise AccessDeniedError
        if row.allowed is None or row.user_id is None:
            raise SlowDownError if self._polled_too_early(row) else AuthorizationPendingError
        person = in_good_standing(self.server.session, row.user_id)
        if person is None:
            raise InvalidGrantError
        return person

    def create_token_response(self) -> tuple[int, dict[str, Any], list[Any]]:
        """Return the tokens; mark the code as used, so that a second use is noticed."""
        answer: tuple[int, dict[str, Any], list[Any]] = super().create_token_response()
        self.request.credential.row.used_at = func.now()
        return answer

    def _polled_too_early(self, row: OAuthDeviceCode) -> bool:
        """Record this poll; return whether it came too early, which makes the interval longer."""
        between = func.make_interval(0, 0, 0, 0, 0, 0, OAuthDeviceCode.poll_interval)
        early = OAuthDeviceCode.polled_at + between > func.now()
        longer = OAuthDeviceCode.poll_interval + INTERVAL
        statement = (
            update(OAuthDeviceCode)
            .where(OAuthDeviceCode.id == row.id)
            .values(
                poll_interval=case((early, longer), else_=OAuthDeviceCode.poll_interval),
                polled_at=func.now(),
            )
            .returning(OAuthDeviceCode.poll_interval)
        )
        before = row.poll_interval
        return self.server.session.scalar(statement) != before
