"""The examples of docs/exchange.md run as written."""

import re
from pathlib import Path

from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

DOCUMENT = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text()
EXPORT, EXPORTED, CHECK, REPORT, RETURN, RETURNED, SAVE = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)
CSV = b"ID,Name,Effort\nB1,Brake,8\n"


async def test_the_examples_work_one_after_the_other(world, client, app):
    transfers = Transfers(Uploading(world, app.state.storage, client))
    exported = await world.ask("viewer", EXPORT, project=world.project)
    await transfers.run()
    file = (await world.ask("viewer", EXPORTED, job=exported["jobId"]))["exportedFile"]
    assert (await client.get(file["url"])).content.startswith(b"<?xml")
    uploaded = await transfers.uploaded("brakes.csv", CSV)
    checked = await world.ask("editor", CHECK, project=world.project, file=uploaded)
    await transfers.run()
    job = await world.ask("editor", REPORT, job=checked["jobId"])
    report = job["importReport"]
    assert (job["error"], report["dryRun"], report["documents"]) == (None, True, ["Brakes"])
    outcomes = [(each["kind"], each["outcome"]) for each in report["objects"]]
    assert outcomes == [("documents", "CREATED"), ("requirements", "CREATED")]
    back = {"project": world.project, "file": uploaded, "export": exported["jobId"]}
    started = await world.ask("editor", RETURN, **back)
    await transfers.run()
    job = await world.ask("editor", RETURNED, job=started["jobId"])
    report = job["importReport"]
    assert (job["error"], report["conflicts"]) == (None, 0)
    assert [item["action"] for item in report["changeSet"]["items"]["nodes"]] == [
        "CREATE",
        "CREATE",
    ]
    assert (await world.ask("editor", SAVE, project=world.project))["importMapping"]["version"] == 1
