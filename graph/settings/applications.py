"""The settings of OAuth 2.0 applications and their tokens."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import DAYS, Days, Number


class ApplicationSettings(BaseSettings):
    """The settings of OAuth 2.0 applications and their tokens."""

    access_token_minutes: int = Field(
        default=60,
        ge=1,
        le=DAYS * 24 * 60,
        description="The lifetime in minutes of an access token of an application.",
    )
    refresh_token_days: Days = Field(
        default=30,
        ge=1,
        description="The time in days without a refresh after which a refresh token expires.",
    )
    refresh_token_max_days: Days = Field(
        default=365,
        ge=1,
        description="The maximum lifetime in days of a grant to an application, however often its"
        " tokens are refreshed.",
    )
    client_requests: Number = Field(
        default=600,
        ge=1,
        description="The maximum number of requests per minute to the OAuth endpoints for one"
        " application from one network. A network can send ten times as many in total.",
    )
    require_dpop_nonce: bool = Field(
        default=False,
        description="Whether DPoP proofs must contain a nonce of the gateway, so that they cannot"
        " be prepared in advance. By default only clients with a wrong clock need one.",
    )
    client_registration: Literal["", "open", "documents", "closed"] = Field(
        default="",
        description="Whether applications can register themselves (`open`), can only be named by"
        " the address of their metadata (`documents`), or are registered by an operator"
        " (`closed`). Defaults to `open` in development and to `closed` in production, because"
        " whoever registers an application chooses the name that people see.",
    )
