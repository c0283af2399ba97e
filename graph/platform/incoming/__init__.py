"""Incoming webhooks: a provider says how its events are verified, named and handled."""

from graph.platform.incoming.jobs import KINDS
from graph.platform.incoming.provider import Provider, Unverified
from graph.platform.incoming.providers import providers_of

__all__ = ["KINDS", "Provider", "Unverified", "providers_of"]
