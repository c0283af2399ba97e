"""What authentication asks of the settings; the application's own fulfil it by having them."""

from typing import Protocol

from pydantic import SecretStr


class AuthSettings(Protocol):
    """The settings that this package reads. Their meaning and defaults stand with the fields."""

    @property
    def gateway_secret(self) -> SecretStr:
        """Signs forms, and hides what failed sign-ins were for."""

    @property
    def public_url(self) -> str:
        """Where people find the gateway; empty when it is wherever they have found it."""

    @property
    def session_days(self) -> int:
        """Days until a browser signs in again, however busy it is."""

    @property
    def session_idle_hours(self) -> int:
        """Hours without a request after which a browser signs in again."""

    @property
    def sign_in_attempts(self) -> int:
        """Failed sign-ins, to one account from one network, that bring no delay."""

    @property
    def sign_in_window(self) -> int:
        """Seconds in which that many failures are forgotten."""
