"""The limits of live connections and subscriptions."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Number, Seconds


class LiveSettings(BaseSettings):
    """The limits of live connections and subscriptions."""

    live_init_timeout: Seconds = Field(
        default=5.0,
        gt=0,
        description="The time in seconds that a WebSocket client has to send `connection_init`.",
    )
    live_connections: Number = Field(
        default=20_000,
        ge=0,
        description="The maximum number of live connections (WebSocket or server-sent events) of a"
        " process.",
    )
    live_connections_per_address: Number = Field(
        default=500,
        ge=1,
        description="The maximum number of live connections from one address to a process.",
    )
    live_subscriptions: Number = Field(
        default=50_000, ge=0, description="The maximum number of subscriptions of a process."
    )
    live_subscriptions_per_person: Number = Field(
        default=200,
        ge=1,
        description="The maximum number of subscriptions of one person in a process.",
    )
    live_subscriptions_per_connection: Number = Field(
        default=20, ge=1, description="The maximum number of subscriptions of one WebSocket."
    )
