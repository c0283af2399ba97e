"""Imports and exports are events of the audit log, one for each file."""

import pytest

from tests.platform.jobs.recorded import transfers_of
from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

CSV = b"ID,Name\nR-1,Stops\nR-2,Holds\n"


@pytest.fixture
def transfers(world, client, app):
    """Return the imports and exports of a tenant."""
    return Transfers(Uploading(world, app.state.storage, client))


async def test_an_import_is_an_event_with_its_numbers_and_a_dry_run_is_none(world, transfers):
    dry = await transfers.imported("a.csv", CSV, dry_run=True)
    assert dry["status"] == "SUCCEEDED"
    assert await transfers_of(world, "IMPORT") == []
    await transfers.imported("a.csv", CSV)
    (event,) = await transfers_of(world, "IMPORT")
    assert (event["action"], event["soc2Control"], event["changes"]) == ("import", "PI1.3", [])
    assert (event["entityType"], event["entityId"]) == ("Project", str(world.project))
    assert event["actor"]["id"] == str(world.people["editor"])
    assert event["details"]["read"]["rows"] == 2
    await transfers.imported("a.csv", b"\xff\xfe\x00")
    assert len(await transfers_of(world, "IMPORT")) == 1, "a file that is refused is not imported"


async def test_an_export_is_an_event_with_its_rows_and_the_digest_of_the_file(world, transfers):
    await transfers.exported("CSV")
    (event,) = await transfers_of(world, "EXPORT")
    assert (event["action"], event["soc2Control"]) == ("export", "CC6.7")
    assert event["actor"]["id"] == str(world.people["viewer"])
    assert event["details"]["rows"] == sum(event["details"]["counts"].values()) > 0
    assert len(event["details"]["sha256"]) == 64
    history = "query ($id: UUID!) { project(id: $id) { history(first: 5) { nodes { action } } } }"
    versions = (await world.ask("viewer", history, id=world.project))["history"]["nodes"]
    assert "export" not in {version["action"] for version in versions}
