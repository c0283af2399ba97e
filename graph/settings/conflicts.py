"""Settings that contradict each other, and variables that are taken for settings."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

PREFIX = "GATEWAY_"
OTHER_VARIABLES = {
    "GATEWAY_APP_PASSWORD",
    "GATEWAY_AUTH_PASSWORD",
    "GATEWAY_DATABASE_PASSWORD",
    "GATEWAY_DOCUMENTS",
    "GATEWAY_NO_SKIP",
    "GATEWAY_PICTURES",
    "GATEWAY_SAMPLE_DATA",
    "GATEWAY_WRITE_GOLDEN",
}
"""Variables with our prefix that are not settings: for the roles' script and for the tests."""
SHORT = 8
"""Characters of a name that is compared; shorter ones resemble too many others."""
SIMILAR = 0.85

AT_MOST = {
    "refresh_token_days": ("refresh_token_max_days", 1),
    "session_idle_hours": ("session_days", 24),
    "live_subscriptions_per_connection": ("live_subscriptions_per_person", 1),
    "max_document_length": ("body_limit", 1),
}
"""Settings that have no effect beyond so many times another one."""
NEEDS = {
    "auth_database_url": "database_url",
    "owner_database_url": "database_url",
    "database_logins": "database_url",
    "language_model_key": "language_model_url",
    "language_model_name": "language_model_url",
    "document_processor_key": "document_processor_url",
    "s3_endpoint": "s3_bucket",
    "s3_access_key": "s3_bucket",
    "s3_secret_key": "s3_bucket",
    "stripe_api_base": "stripe_secret_key",
}
"""Settings that have no effect without another one."""


def conflicts(values: Mapping[str, Any], given: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each of the `given` settings that cannot do what it says."""
    for name in given:
        if name in AT_MOST:
            other, times = AT_MOST[name]
            if values[name] > values[other] * times:
                most = values[other] * times
                yield f"{name.upper()} has no effect beyond {most}, because of {other.upper()}"
        needed = NEEDS.get(name)
        if needed and values[name] and not values[needed]:
            yield f"{name.upper()} has no effect without {needed.upper()}"
    if values["s3_bucket"] and not (values["s3_access_key"] and values["s3_secret_key"]):
        yield "S3_BUCKET needs S3_ACCESS_KEY and S3_SECRET_KEY"
    if values["language_model_url"] and not values["language_model_name"]:
        yield "LANGUAGE_MODEL_URL needs LANGUAGE_MODEL_NAME"
    domain, host = values["passkey_domain"], urlsplit(values["public_url"]).hostname or ""
    if domain and not f".{host}".endswith(f".{domain}"):
        yield "PASSKEY_DOMAIN must be the host of PUBLIC_URL or a domain above it"
    is_open = values["gateway_env"] == "production" and values["sign_up"] in ("open", "approval")
    if is_open and values["smtp_url"] is None:
        yield f"SIGN_UP={values['sign_up']} sends mail: set SMTP_URL"


def unknown_variables(names: Iterable[str], settings: Iterable[str]) -> dict[str, str | None]:
    """Return variables that seem meant as settings, each with the setting that it resembles."""
    known = {name.upper() for name in settings}
    found: dict[str, str | None] = {}
    for name in sorted({name.upper() for name in names} - known - OTHER_VARIABLES):
        similar = get_close_matches(name, known, n=1, cutoff=SIMILAR) if len(name) > SHORT else []
        if similar or name.startswith(PREFIX):
            found[name] = similar[0] if similar else None
    return found
