"""Fifty clients edit one document while connections are killed: nothing is lost or doubled."""

import asyncio

import pytest

from tests.requirements.storm import Client, history, lightning, start

CLIENTS = 50
EDITS, ALL_EDITS = 40, 200
"""Of each client; all of them under `--full`."""
STORED = (
    "SELECT id::text, version, name, status::text, tags, description, position,"
    " block_id::text, deleted_at IS NOT NULL AS deleted FROM requirements WHERE document_id = $1"
)
COLUMNS = ("name", "status", "tags", "description", "position", "block_id")
EMPTY = {"tags": [], "status": "draft"}


def replayed(events):
    """Return the row that these events produce, one after the other."""
    row = {}
    for event in events:
        row |= event.new
    values = {column: row.get(column, EMPTY.get(column)) for column in COLUMNS}
    return values | {"deleted": row.get("deleted_at") is not None}


def recorded(sent):
    """Return the values that a client has sent, as the audit log holds them."""
    return {name: value.lower() if name == "status" else value for name, value in sent.items()}


def tells(event, sent):
    """Return whether the event is that of a client's request."""
    deleted = sent.pop("deleted", None)
    if deleted is not None:
        return event.action == ("delete" if deleted else "restore")
    new = event.new
    # A value equal to the stored one is no change, and is not recorded. Tags are merged as a
    # set, so that those of others may stand beside the ones sent.
    return all(
        set(value) <= set(new[name]) if name == "tags" else new[name] == value
        for name, value in recorded(sent).items()
        if name in new
    )


@pytest.mark.storm
@pytest.mark.exhaustive
async def test_what_was_acknowledged_is_stored_and_recorded_to_the_row(world, superuser, full):
    ledger = await start(world, 40)
    edits = ALL_EDITS if full else EDITS

    async def client(seed):
        editor = Client(world, ledger, seed)
        for _ in range(edits):
            await editor.edit()

    async with lightning(superuser) as strikes:
        await asyncio.gather(*(client(seed) for seed in range(1, CLIENTS + 1)))

    assert strikes
    assert ledger.repeated
    stored = {row["id"]: row for row in await superuser.fetch(STORED, world.document)}
    record = await history(superuser, world.document)
    for rows in (stored, record):  # nobody edits the one that was there, but its neighbours may
        rows.pop(str(world.requirement), None)
    assert stored.keys() == record.keys()
    assert record.keys() == ledger.told.keys()
    for id, row in stored.items():
        events = record[id]
        assert [event.version for event in events] == list(range(1, row["version"] + 1))
        theirs = {event.version: event for event in events if not event.renumbered}
        assert theirs.keys() == ledger.told[id].keys(), "acknowledged is recorded, and no more"
        assert all(tells(theirs[version], sent) for version, sent in ledger.told[id].items())
        found = {column: row[column] for column in (*COLUMNS, "deleted")}
        assert found == replayed(events)
    accepted = sum(map(len, ledger.told.values()))
    assert accepted + ledger.refused >= CLIENTS * edits
    assert accepted > CLIENTS * edits / 2
