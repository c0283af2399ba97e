"""The preferences of the viewer for notifications, by kind."""

from typing import Any

import strawberry
from strawberry import Maybe

from auth.accounts import notification_preferences as preferences
from db.core.notifications import NotificationKind, NotificationMail
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.core.notifications import SHOWN
from graph.core.people import Viewer
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import described, extend_type
from graph.kit.mutations import Input, mutation, writing

describe_enum(
    NotificationMail,
    "When notifications are mailed.",
    {
        "OFF": "Never.",
        "AT_ONCE": "Within about a minute, unless they were read before.",
        "DAILY": "Once a day, in one mail with all that are unread.",
    },
)


@strawberry.type(description="How the viewer is notified of one kind of events.")
class NotificationPreference:
    kind: NotificationKind = described("The kind of the notifications.")
    in_app: bool = described("Whether they are listed in `Viewer.notifications`.")
    mail: NotificationMail = described("When they are mailed.")


@strawberry.input(description="The preference for one kind of notifications.")
class NotificationPreferenceInput:
    kind: NotificationKind = strawberry.field(description="The kind of the notifications.")
    in_app: Maybe[bool] = strawberry.field(
        description="Whether new ones are listed in `Viewer.notifications`. Unchanged by default."
    )
    mail: Maybe[NotificationMail] = strawberry.field(
        description="When new ones are mailed. Unchanged by default."
    )


@strawberry.input(description="The preferences to change.")
class NotificationPreferencesUpdateInput:
    preferences: list[NotificationPreferenceInput] = strawberry.field(
        description="The preferences, each kind at most once. Other kinds stay as they are."
    )


@strawberry.type(description="The result of changing the preferences for notifications.")
class NotificationPreferencesPayload:
    preferences: list[NotificationPreference] = described(
        "The preferences of the viewer for every kind after the mutation."
    )


def _shown(row: Any) -> list[NotificationPreference]:
    found = preferences.preferences_of(row.notification_settings if row else {})
    return [NotificationPreference(**vars(each)) for each in found]


@strawberry.field(
    description="The preferences of the viewer for every kind of notifications, defaults included.",
    metadata=SHOWN,
)
async def notification_preferences(info: Info) -> list[NotificationPreference]:
    viewer = info.context.viewer
    return _shown(await info.context.one(ProfileRow, viewer.id) if viewer.id else None)


extend_type(Viewer, notification_preferences=notification_preferences)


async def notification_preferences_update(
    info: Info, input: Input[NotificationPreferencesUpdateInput]
) -> NotificationPreferencesPayload | None:
    changes: dict[NotificationKind, dict[str, Any]] = {}
    for place, each in enumerate(input.preferences):
        if each.kind in changes:
            at = ("input", "preferences", place, "kind")
            raise Problem("INVALID", "Each kind must be given once.", field=at)
        given = {"in_app": each.in_app, "mail": each.mail}
        changes[each.kind] = {name: value.value for name, value in given.items() if value}
    async with writing(info, None) as transaction:
        profile = await preferences.change(transaction, changes)
    return NotificationPreferencesPayload(preferences=_shown(profile))


@strawberry.type
class Mutation:
    notification_preferences_update = mutation(
        notification_preferences_update,
        NotificationPreferencesPayload,
        "Change the preferences of the viewer for notifications. They apply to new notifications.",
        scope="organizations:write",
    )
