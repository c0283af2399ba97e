"""The preferences of a person for notifications: by kind, in the app and by mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth.origin import Origin
from auth.session import Transaction, ViewerSession
from auth.viewer import Viewer
from db.core.notifications import NotificationKind, NotificationMail
from db.core.people import Profile
from db.pool import NOBODY, Database
from db.problem import Problem

AT_ONCE, DAILY = NotificationMail.AT_ONCE, NotificationMail.DAILY
DEFAULTS = {
    NotificationKind.ASSIGNMENTS: AT_ONCE,
    NotificationKind.COMMENTS: DAILY,
    NotificationKind.REVIEWS: AT_ONCE,
    NotificationKind.ROLES: DAILY,
    NotificationKind.BILLING: AT_ONCE,
    NotificationKind.SECURITY: AT_ONCE,
    NotificationKind.SYSTEM: AT_ONCE,
}
"""The mail of each kind without a preference, as `ctx.apply_notification_preferences` has it."""

SETTINGS = "SELECT notification_settings FROM profiles WHERE id = $1"


@dataclass(frozen=True)
class Preference:
    """How a person is notified of one kind of events."""

    kind: NotificationKind
    in_app: bool
    mail: NotificationMail


Changes = Mapping[NotificationKind, Mapping[str, Any]]
"""The new values of `in_app` and `mail` by kind; what is left out stays."""


def preferences_of(settings: Mapping[str, Any]) -> list[Preference]:
    """Return the preferences for every kind, from the settings of a profile."""
    return [_preference(kind, settings.get(kind.value)) for kind in NotificationKind]


def _preference(kind: NotificationKind, stored: Any) -> Preference:
    stored = stored if isinstance(stored, Mapping) else {}
    try:
        mail = NotificationMail(stored.get("mail", DEFAULTS[kind]))
    except ValueError:
        mail = DEFAULTS[kind]
    return Preference(kind, stored.get("in_app") is not False, mail)


async def change(transaction: Transaction, changes: Changes) -> Profile:
    """Change preferences of the viewer; return their profile. Raises FORBIDDEN for programs.

    No version is expected: only the person changes them, and the last request wins.
    """
    if transaction.viewer.is_service:
        raise Problem("FORBIDDEN", "A service account is not notified.")
    profile = await transaction.find(Profile, transaction.person)
    before = profile.notification_settings
    settings = {kind: dict(values) for kind, values in before.items() if isinstance(values, dict)}
    for kind, values in changes.items():
        settings.setdefault(kind.value, {}).update(values)
    if settings != before:
        transaction.change(profile, None, notification_settings=settings)
    return profile


async def read(database: Database, viewer: Viewer) -> list[Preference]:
    """Return the preferences of the viewer, for the pages."""
    async with database.auth.lend(NOBODY) as lent:
        settings = await lent.fetchval(SETTINGS, viewer.id)
    return preferences_of(settings or {})


async def save(database: Database, viewer: Viewer, changes: Changes, origin: Origin) -> None:
    """Change the preferences of the viewer, for the pages."""
    async with ViewerSession(database, viewer, origin).transaction() as transaction:
        await change(transaction, changes)
