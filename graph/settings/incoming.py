"""The settings of incoming webhooks: the secrets by which their senders sign them."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import NamedSecrets, SigningSecrets


class IncomingSettings(BaseSettings):
    """The settings of incoming webhooks: the secrets by which their senders sign them."""

    stripe_webhook_secrets: SigningSecrets = Field(
        default=(),
        description="The signing secrets of the webhook endpoint /webhooks/stripe, separated by"
        " commas: the current one, and the previous one during a rotation.",
    )
    standard_webhook_secrets: NamedSecrets = Field(
        default=(),
        description="The names and secrets of other senders that sign as Standard Webhooks"
        " specifies, such as `crm=whsec_...`, separated by commas. A sender named `crm` uses"
        " /webhooks/crm. Repeat a name to accept two secrets.",
    )
