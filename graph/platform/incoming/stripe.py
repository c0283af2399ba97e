"""Webhooks of Stripe: verified and named here, and handled by billing."""

from collections.abc import Mapping, Sequence
from typing import Any

from graph.platform.billing.events import handle, is_handled
from graph.platform.incoming.provider import (
    TOLERANCE,
    Headers,
    Named,
    Provider,
    Unverified,
    time_of,
)


def verify(body: bytes, headers: Headers, secret: str) -> None:
    """Raise Unverified unless Stripe has signed the body with this secret within five minutes."""
    from stripe import SignatureVerificationError, WebhookSignature  # noqa: PLC0415 (20 MB)

    try:
        WebhookSignature.verify_header(body, headers.get("stripe-signature"), secret, TOLERANCE)
    except (SignatureVerificationError, ValueError):
        raise Unverified("The signature does not match, or is too old.") from None


def name_of(content: Mapping[str, Any], _: Headers) -> Named:
    """Return the ID, type and time of an event of Stripe."""
    return Named(content.get("id"), content.get("type"), time_of(content.get("created")))


def stripe(secrets: Sequence[str]) -> Provider:
    """Return the provider, with the secrets of its endpoint."""
    return Provider("stripe", secrets, verify, name_of, is_handled, handle)
