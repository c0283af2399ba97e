"""The settings of billing: the account in Stripe, and the time that a late payment has."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Days, Token


class BillingSettings(BaseSettings):
    """The settings of billing: the account in Stripe, and the time that a late payment has."""

    stripe_secret_key: Token = Field(
        default=None,
        description="The secret key of the Stripe account, or a restricted key. Without it, plans"
        " are changed by `gateway billing set` alone, and billing is off.",
    )
    stripe_api_base: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+[^\s?#/])?$",
        description="The base URL of another server with Stripe's API, for tests.",
    )
    billing_grace_days: Days = Field(
        default=14,
        ge=0,
        description="The number of days after a failed payment during which an organization can"
        " still write.",
    )
