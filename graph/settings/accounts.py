"""The settings of people's accounts, their sessions and mail."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import DAYS, Days, Number, People, Sender, SmtpAddress, WholeSeconds


class AccountSettings(BaseSettings):
    """The settings of people's accounts, their sessions and mail."""

    smtp_url: SmtpAddress = Field(
        default=None,
        description="The mail server: `smtp://user:password@host:587` with STARTTLS, or"
        " `smtps://user:password@host:465`. Without it, mail is written to the log in"
        " development, and features that need mail are disabled in production.",
    )
    mail_from: Sender = Field(
        default="",
        description="The sender of mail, such as `Gateway <gateway@example.com>`. Defaults to"
        " `no-reply` at the host of PUBLIC_URL.",
    )
    sign_up: Literal["", "open", "approval", "closed"] = Field(
        default="",
        description="Who can sign up: `open` for everybody, `approval` for everybody after approval"
        " by one of APPROVERS or by `gateway user approve`, `closed` for nobody. Defaults"
        " to `open` in development and to `closed` in production.",
    )
    approvers: People = Field(
        default=(),
        description="The e-mail addresses, separated by commas, of the people who are notified of"
        " sign-ups and approve them at /account/approvals.",
    )
    passkey_domain: str = Field(
        default="",
        max_length=253,
        pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)*)?$",
        description="The domain that passkeys are for (RP ID): the host of PUBLIC_URL, by default,"
        " or a domain above it. Existing passkeys do not work for another one.",
    )
    session_days: Days = Field(
        default=14, ge=1, description="The maximum lifetime in days of a browser session."
    )
    session_idle_hours: int = Field(
        default=72,
        ge=1,
        le=DAYS * 24,
        description="The time in hours without a request after which a browser session ends.",
    )
    sign_in_attempts: Number = Field(
        default=10,
        ge=1,
        description="The number of failed sign-ins to an account from one network within"
        " SIGN_IN_WINDOW after which further attempts are delayed.",
    )
    sign_in_window: WholeSeconds = Field(
        default=900, ge=1, description="The time in seconds for which a failed sign-in counts."
    )
    share_max_days: Days = Field(
        default=365, ge=1, description="The maximum lifetime in days of a share."
    )
