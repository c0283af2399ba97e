"""The providers whose webhooks the gateway receives, by its settings."""

from graph.platform.incoming.provider import Provider
from graph.platform.incoming.standard import standard
from graph.platform.incoming.stripe import stripe
from graph.settings import Settings


def providers_of(settings: Settings) -> dict[str, Provider]:
    """Return the providers that have a secret, by name."""
    found = []
    if settings.stripe_webhook_secrets:
        found.append(
            stripe([secret.get_secret_value() for secret in settings.stripe_webhook_secrets])
        )
    secrets: dict[str, list[str]] = {}
    for pair in settings.standard_webhook_secrets:
        name, _, secret = pair.get_secret_value().partition("=")
        secrets.setdefault(name, []).append(secret)
    found += [standard(name, own) for name, own in secrets.items()]
    return {provider.name: provider for provider in found}
