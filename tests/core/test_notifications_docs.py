"""The examples of docs/notifications.md run as written, and its table is that of the code."""

import re
from pathlib import Path

from auth.accounts.notification_preferences import DEFAULTS
from auth.accounts.notify import KINDS
from graph.core.notifications import HIDDEN

DOCUMENT = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
READ, CHANGE = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| on \| `(\w+)` \|$", re.MULTILINE)


async def test_the_examples_work_one_after_the_other(world):
    before = (await world.ask("viewer", READ))["notificationPreferences"]
    after = (await world.ask("viewer", CHANGE))["preferences"]
    changed = [each["kind"] for each, former in zip(after, before, strict=True) if each != former]
    assert changed == ["COMMENTS", "ROLES"]
    assert (await world.ask("viewer", READ))["notificationPreferences"] == after


def test_the_table_has_every_event_and_the_defaults():
    rows = {
        kind: (re.findall(r"`(\w+)`", events), mail) for kind, events, mail in ROW.findall(DOCUMENT)
    }
    assert {kind: mail for kind, (_, mail) in rows.items()} == {
        kind.name: mail.name for kind, mail in DEFAULTS.items()
    }
    listed = {event: kind for kind, (events, _) in rows.items() for event in events}
    assert listed == {event: kind.name for event, kind in KINDS.items()}
    assert HIDDEN in DOCUMENT
