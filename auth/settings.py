"""The settings that authentication reads; the application's settings class provides them."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, Protocol

from pydantic import SecretStr


class AuthSettings(Protocol):
    """The settings that this package reads. Their fields document meaning and defaults."""

    @property
    def gateway_secret(self) -> SecretStr:
        """Return the key that signs forms, and digests the subjects of failed sign-ins."""

    @property
    def gateway_former_secrets(self) -> Collection[SecretStr]:
        """Return former values of that key, with which stored secrets can still be decrypted."""

    @property
    def public_url(self) -> str:
        """Return the public address of the gateway; empty when none is set."""

    @property
    def url(self) -> str:
        """Return the public address, or the one listened on: the base of links, and the issuer."""

    @property
    def passkey_domain(self) -> str:
        """Return the domain that passkeys are for (RP ID); empty for the host of `url`."""

    @property
    def in_production(self) -> bool:
        """Return whether the process runs in production."""

    @property
    def smtp_url(self) -> SecretStr | None:
        """Return the server that mail goes out through, with its credentials."""

    @property
    def mail_from(self) -> str:
        """Return the sender of mails; empty for `no-reply` at the gateway's host."""

    @property
    def signing_up(self) -> Literal["open", "approval", "closed"]:
        """Return who may sign up: anybody, anybody after approval, nobody."""

    @property
    def approvers(self) -> Collection[str]:
        """Return the addresses, in lower case, of those who approve people who have signed up."""

    @property
    def access_token_minutes(self) -> int:
        """Return the minutes for which an application's access token is valid."""

    @property
    def refresh_token_days(self) -> int:
        """Return the days without use after which a refresh token expires."""

    @property
    def refresh_token_max_days(self) -> int:
        """Return the days after which an application asks its user again, even if it refreshes."""

    @property
    def client_requests(self) -> int:
        """Return the requests a minute to the OAuth endpoints, for one application and network."""

    @property
    def registering_clients(self) -> Literal["open", "documents", "closed"]:
        """Return how applications may register themselves.

        By a request or by a document at their client ID, by such a document alone, not at all.
        """

    @property
    def require_dpop_nonce(self) -> bool:
        """Return whether applications with keys of their own must use nonces of the server."""

    @property
    def session_days(self) -> int:
        """Return the days after which a browser must sign in again, however often it is used."""

    @property
    def session_idle_hours(self) -> int:
        """Return the hours without a request after which a browser must sign in again."""

    @property
    def sign_in_attempts(self) -> int:
        """Return the failed sign-ins, to one account from one network, without a delay."""

    @property
    def allowed_networks(self) -> Collection[IPv4Network | IPv6Network]:
        """Return the private networks that requests to URLs of users may lead to."""

    @property
    def outbound_http(self) -> bool:
        """Return whether such requests may go without encryption."""

    @property
    def share_max_days(self) -> int:
        """Return the days after which a share expires at the latest."""

    @property
    def sign_in_window(self) -> int:
        """Return the seconds in which that many failures decay."""
