"""Secrets of webhook endpoints, and the signatures of messages (Standard Webhooks)."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from standardwebhooks import Webhook

from auth.encryption import decrypt, encrypt
from auth.settings import AuthSettings
from db.webhook_queue import Endpoint

PREFIX = "whsec_"
SECRET_BYTES = 32
PURPOSE = "webhook secret"
ROTATION = timedelta(hours=24)
"""The time for which messages are signed with the former secret as well, after a rotation."""
USER_AGENT = "Gateway-Webhooks/1"


class SecretLost(Exception):
    """The secret cannot be decrypted, because GATEWAY_SECRET was changed."""


def new_secret() -> str:
    """Return a new secret, as receivers are given it."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sealed(settings: AuthSettings, endpoint: UUID, text: str) -> bytes:
    """Return the secret encrypted for its endpoint."""
    return encrypt(settings, PURPOSE, endpoint.bytes, text.encode())


def secrets_of(settings: AuthSettings, endpoint: Endpoint) -> list[str]:
    """Return the secret, and the former one while it is valid. Raises SecretLost."""
    wanted = [endpoint.secret]
    until = endpoint.former_secret_expires_at
    if endpoint.former_secret and until and until > datetime.now(UTC):
        wanted.append(endpoint.former_secret)
    found = [decrypt(settings, PURPOSE, endpoint.endpoint_id.bytes, each) for each in wanted]
    if found[0] is None:
        raise SecretLost
    return [each.decode() for each in found if each is not None]


def headers_of(
    signing_secrets: list[str], webhook_id: str, body: str, at: datetime
) -> Mapping[str, str]:
    """Return the headers of a message that is sent at this time, in UTC."""
    signatures = [Webhook(secret).sign(webhook_id, at, body) for secret in signing_secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
