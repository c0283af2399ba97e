"""Settings of the gateway: one environment variable for each field.

The variable is the field's name in capitals. Nothing else reads the environment. Each group of
settings is a module; a setting is a field with its type, default and description.
"""

from typing import Literal, Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.logins import Logins
from graph.settings.accounts import AccountSettings
from graph.settings.applications import ApplicationSettings
from graph.settings.billing import BillingSettings
from graph.settings.conflicts import conflicts
from graph.settings.database import DatabaseSettings
from graph.settings.document_processing import DocumentProcessorSettings
from graph.settings.files import FileSettings
from graph.settings.incoming import IncomingSettings
from graph.settings.language_models import LanguageModelSettings
from graph.settings.limits import LimitSettings
from graph.settings.live import LiveSettings
from graph.settings.outbound import OutboundSettings
from graph.settings.server import ServerSettings
from graph.settings.tracing import TracingSettings


class SettingsError(Exception):
    """The settings contradict each other; the message says what to set."""


class Settings(
    # Pydantic lists the fields of the last base first.
    BillingSettings,
    IncomingSettings,
    TracingSettings,
    ApplicationSettings,
    AccountSettings,
    OutboundSettings,
    LiveSettings,
    DocumentProcessorSettings,
    LanguageModelSettings,
    FileSettings,
    LimitSettings,
    DatabaseSettings,
    ServerSettings,
    BaseSettings,
):
    """The settings of one process, read once. `graph.server_secret` completes them."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="after")
    def _together(self) -> Self:
        given = [name for name in type(self).model_fields if name in self.model_fields_set]
        if said := list(conflicts(vars(self), given)):
            raise ValueError("; ".join(said))
        return self

    @property
    def logins(self) -> Logins:
        """Return the addresses and logins of the database. DATABASE_URL must be set."""
        assert self.database_url is not None  # noqa: S101 (the command line has filled it in)
        auth, owner = self.auth_database_url, self.owner_database_url
        return Logins(
            self.database_url.get_secret_value(),
            auth.get_secret_value() if auth else None,
            owner.get_secret_value() if owner else None,
            self.database_logins,
            self.gateway_pooler,
        )

    @property
    def in_production(self) -> bool:
        """Return whether the process runs in production."""
        return self.gateway_env == "production"

    @property
    def signing_up(self) -> Literal["open", "approval", "closed"]:
        """Return the policy of sign-up; by default closed in production, else open."""
        return self.sign_up or ("closed" if self.in_production else "open")

    @property
    def registering_clients(self) -> Literal["open", "documents", "closed"]:
        """Return the policy of client registration; by default closed in production, else open."""
        return self.client_registration or ("closed" if self.in_production else "open")

    @property
    def url(self) -> str:
        """Return the address of the gateway for people and clients, without a slash at its end."""
        name = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        name = f"[{name}]" if ":" in name else name
        return self.public_url or f"http://{name}:{self.port}"
