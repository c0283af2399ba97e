"""Documents to assess are uploaded, verified, kept within the tenant, and counted exactly."""

import hashlib
from datetime import datetime, timedelta

import pytest

from graph.compliance import jobs
from graph.platform.files.sweep import sweep
from graph.platform.jobs.run import Run
from tests.compliance.uploading import DELETE, FINISH, RENAME, RESTORE, RESUME, START, TEXT
from tests.world import Refused


async def test_a_document_is_uploaded_finished_and_downloaded(compliance):
    made = await compliance.start()
    document, upload = made["complianceDocument"], made["upload"]
    assert (document["status"], document["sha256"], document["url"]) == ("UPLOADING", None, None)
    assert document["user"] == {"id": str(compliance.world.people["member"])}
    valid = datetime.fromisoformat(upload["urlExpiresAt"]) - datetime.now().astimezone()
    assert timedelta(minutes=14) < valid <= timedelta(minutes=15)
    assert await compliance.used() == len(TEXT)

    assert (await compliance.send(upload["parts"][0], TEXT)).is_success
    document = await compliance.finish(document["id"])
    assert (document["status"], document["expiresAt"]) == ("READY", None)
    assert document["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert (await compliance.finish(document["id"]))["version"] == document["version"]
    answer = await compliance.outside.get((await compliance.show(document["id"], "viewer"))["url"])
    assert answer.content == TEXT
    actions = [event["action"] for event in await compliance.world.records(document["id"])]
    assert actions == ["create", "update"]


async def test_a_broken_upload_is_resumed_with_what_has_arrived(compliance):
    content = b"a" * (5 * 2**20)
    made = await compliance.start(size=len(content))
    id, parts = made["complianceDocument"]["id"], made["upload"]["parts"]
    first = int(parts[0]["size"])
    assert (await compliance.send(parts[0], content[:first])).is_success
    assert await compliance.world.code("member", FINISH, id=id) == "INVALID"
    resumed = (await compliance.world.ask("member", RESUME, id=id))["upload"]["parts"]
    assert [part["uploaded"] for part in resumed] == [True, False]
    assert (await compliance.send(resumed[1], content[first:])).is_success
    assert (await compliance.finish(id))["status"] == "READY"
    assert await compliance.world.code("member", RESUME, id=id) == "INVALID"


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"size": 50_000_001}, "size"),
        ({"size": 0}, "size"),
        ({"mediaType": "application/zip"}, "mediaType"),
        ({"mediaType": "text/html"}, "mediaType"),
        ({"name": " "}, "name"),
    ],
)
async def test_what_cannot_be_assessed_is_refused_with_the_field(compliance, input, field):
    with pytest.raises(Refused) as refused:
        await compliance.start(**input)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", field])
    assert await compliance.used() == 0


@pytest.mark.parametrize(
    "program", [b"\x7fELF" + bytes(60), b"MZ" + bytes(62), b"#!/bin/sh\nrm -rf /\n"]
)
async def test_an_executable_named_pdf_is_an_error_and_takes_no_storage(compliance, program):
    made = await compliance.start(name="Policy.pdf", mediaType="application/pdf", size=len(program))
    document = made["complianceDocument"]
    assert (await compliance.send(made["upload"]["parts"][0], program)).is_success
    document = await compliance.finish(document["id"])
    assert (document["status"], document["url"]) == ("ERROR", None)
    assert document["errorMessage"].startswith("The content is not application/pdf")
    assert await compliance.used() == 0
    for again in (FINISH, RESUME):
        assert await compliance.world.code("member", again, id=document["id"]) == "INVALID"
    await sweep(compliance.world.database, compliance.storage)
    deleted = await compliance.world.ask(
        "member", DELETE, id=document["id"], version=document["version"]
    )
    assert deleted["complianceDocument"]


async def test_an_upload_that_is_given_up_becomes_an_error_that_is_recorded(compliance):
    world = compliance.world
    document = (await compliance.start())["complianceDocument"]
    await world.superuser.execute(
        "UPDATE compliance_documents SET expires_at = now() - interval '2 hours' WHERE id = $1",
        document["id"],
    )
    await jobs.EXPIRE.handler(Run(world.database, None, None))
    document = await compliance.show(document["id"])
    assert document["status"] == "ERROR"
    assert document["errorMessage"] == "The upload was not finished in time."
    assert await compliance.used() == 0
    event = (await world.records(document["id"]))[-1]
    assert (event["action"], event["version"]) == ("update", int(document["version"]))


async def test_colleagues_read_a_document_and_only_its_member_or_an_administrator_changes_it(
    compliance,
):
    world = compliance.world
    document = await compliance.uploaded()
    change = {"id": document["id"], "version": document["version"]}
    assert (await compliance.show(document["id"], "editor"))["name"] == "Policy.txt"
    assert await world.code("editor", RENAME, **change, name="Mine") == "FORBIDDEN"
    assert await world.code("editor", DELETE, **change) == "FORBIDDEN"
    renamed = await world.ask("member", RENAME, **change, name="Policy 2.txt")
    assert renamed["complianceDocument"]["name"] == "Policy 2.txt"
    version = str(int(document["version"]) + 1)
    deleted = await world.ask("admin", DELETE, id=document["id"], version=version)
    version = deleted["complianceDocument"]["version"]
    assert await world.code("member", RESUME, id=document["id"]) == "NOT_FOUND"
    await world.ask("member", RESTORE, id=document["id"], version=version)
    assert (await compliance.show(document["id"]))["status"] == "READY"


async def test_a_stranger_and_billing_neither_upload_nor_read(compliance):
    document = await compliance.uploaded()
    for person in ("outsider", "billing"):
        assert await compliance.world.code(person, RESUME, id=document["id"]) == "NOT_FOUND"
    with pytest.raises(Refused) as refused:
        await compliance.start("outsider")
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "organizationId"])
    given = {"name": "P", "mediaType": "text/plain", "size": 1}
    organization = {"organizationId": compliance.world.organization}
    assert await compliance.world.code("billing", START, input=given | organization) == "FORBIDDEN"


async def test_an_address_is_for_exactly_this_content_and_cannot_be_guessed(compliance):
    made = await compliance.start()
    part = made["upload"]["parts"][0]
    assert (await compliance.send(part, TEXT + b"x")).status_code >= 400
    longer = part | {"url": part["url"].replace(f"size={len(TEXT)}", f"size={len(TEXT) + 1}")}
    assert (await compliance.send(longer, TEXT + b"x")).status_code == 403
    other = (await compliance.start())["complianceDocument"]["id"]
    guessed = part["url"].replace(made["complianceDocument"]["id"], other)
    assert (await compliance.send(part | {"url": guessed}, TEXT)).status_code == 403
