"""CORS: responses that pages of other sites may read (Fetch Standard, section 3.2)."""

from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from graph.settings import Settings

UNREAD = (
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "Baggage",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "X-Datadog-Origin",
    "X-Datadog-Parent-Id",
    "X-Datadog-Sampling-Priority",
    "X-Datadog-Tags",
    "X-Datadog-Trace-Id",
    "X-Requested-With",
)
"""Headers that tracing and clients add to each request of a page. Nothing is read from them."""


def cors(settings: Settings) -> CORSMiddleware | None:
    """Return the CORS middleware for the allowed origins; None where none is allowed."""
    return CORSMiddleware(_no_app, **cors_options(settings)) if settings.cors_origins else None


def cors_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of CORSMiddleware."""
    # No credentials: a page on another origin shows a token, and never acts with a cookie.
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ("GET", "POST", "PUT"),  # PUT uploads files
        "allow_headers": (
            "Authorization",
            "Content-Type",
            "DPoP",
            "Idempotency-Key",
            "Last-Event-ID",
            "traceparent",
            "X-Correlation-Id",
            "X-Request-Id",
            *UNREAD,
        ),
        "expose_headers": (
            "DPoP-Nonce",
            "Idempotent-Replayed",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "traceresponse",
            "WWW-Authenticate",
            "X-Correlation-Id",
            "X-Request-Id",
        ),
    }


async def _no_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do nothing, in place of an application: only the middleware's headers are used."""
