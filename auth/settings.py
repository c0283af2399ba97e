"""What authentication asks of the settings; the application's own fulfil it by having them."""

from collections.abc import Collection
from typing import Literal, Protocol

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
    def url(self) -> str:
        """The same, or the address listened on: links begin with it, tokens are from it."""

    @property
    def in_production(self) -> bool:
        """Whether other people depend on this process."""

    @property
    def smtp_url(self) -> SecretStr | None:
        """The server that mail goes out through, with its credentials."""

    @property
    def mail_from(self) -> str:
        """Who mail is from; empty for `no-reply` at the gateway's host."""

    @property
    def signing_up(self) -> Literal["open", "approval", "closed"]:
        """Who may sign up: anybody, anybody who is then approved, nobody."""

    @property
    def approvers(self) -> Collection[str]:
        """The addresses, in lower case, of those who approve people who have signed up."""

    @property
    def access_token_minutes(self) -> int:
        """Minutes that an application's access token lives."""

    @property
    def refresh_token_days(self) -> int:
        """Days until an application asks its user again, however often it refreshes."""

    @property
    def client_requests(self) -> int:
        """Requests a minute from one network for one application to the OAuth endpoints."""

    @property
    def registering_clients(self) -> Literal["open", "closed"]:
        """Who may register an application over the network: anybody, nobody."""

    @property
    def require_dpop_nonce(self) -> bool:
        """Whether applications with keys of their own must use nonces of the server."""

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
