"""Completes the settings with a secret, which signs cookies, cursors and forms."""

import os
import secrets

from pydantic import SecretStr

from graph.settings import Settings, SettingsError
from graph.settings.types import SECRET_LENGTH


def with_secret(settings: Settings) -> Settings:
    """Return the settings with a secret: in development one that is generated once and stored.

    Raises SettingsError in production, where several processes need the same one.
    """
    if settings.gateway_secret.get_secret_value():
        return settings
    if settings.in_production:
        raise SettingsError(
            f"Set GATEWAY_SECRET to at least {SECRET_LENGTH} random characters, the same for every"
            " process of this gateway, or set GATEWAY_ENV=development."
        )
    file = settings.gateway_data_dir / "secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        fresh = file.with_name(f"secret.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(SECRET_LENGTH))
        fresh.replace(file)
    return settings.model_copy(update={"gateway_secret": SecretStr(file.read_text())})
