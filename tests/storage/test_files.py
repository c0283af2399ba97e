"""Files are uploaded, verified, stored and downloaded, in a folder and in a bucket."""

import asyncio
import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from auth.session.write.plan_limits import PLANS
from db.core.organizations import BillingPlan
from graph.kit.storage import Stored
from graph.platform.files.sweep import sweep
from tests.requirements.verifying import case, record
from tests.storage.uploading import CREATE, DELETE, FINISH, PNG, RENAME, RESTORE, RESUME, TEXT
from tests.world import Refused


@pytest.mark.slow
async def test_a_file_is_uploaded_finished_and_downloaded(place):
    made = await place.create(name="Plan é.txt")
    file, upload = made["file"], made["upload"]
    assert (file["state"], file["url"], file["sha256"]) == ("PENDING", None, None)
    assert (file["ownerType"], file["ownerId"]) == ("DOCUMENT", str(place.world.document))
    assert [part["uploaded"] for part in upload["parts"]] == [False]
    assert await place.used() == len(TEXT)

    assert (await place.send(upload["parts"][0], TEXT)).is_success
    file = await place.finish(file["id"])
    assert (file["state"], file["expiresAt"]) == ("STORED", None)
    assert file["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert (await place.finish(file["id"]))["version"] == file["version"]

    answer = await place.outside.get((await place.show(file["id"]))["url"])
    assert answer.content == TEXT
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''Plan%20%C3%A9.txt"
    assert await place.used() == len(TEXT)
    actions = [event["action"] for event in await place.world.records(file["id"])]
    assert actions == ["create", "update"]


@pytest.mark.slow
async def test_a_large_file_arrives_in_parts_and_goes_on_where_it_stopped(place):
    content = PNG + bytes(5 * 2**20)
    made = await place.create(name="Photo", mediaType="image/png", size=len(content))
    id, parts = made["file"]["id"], made["upload"]["parts"]
    sizes = [int(part["size"]) for part in parts]
    assert (len(parts), sum(sizes)) == (2, len(content))
    assert (await place.send(parts[1], content[sizes[0] :])).is_success
    with pytest.raises(Refused, match="Part 1 of 2 has not been uploaded") as refused:
        await place.finish(id)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["id"])

    resumed = (await place.world.ask("editor", RESUME, id=id))["upload"]["parts"]
    assert [part["uploaded"] for part in resumed] == [False, True]
    assert (await place.send(resumed[0], content[: sizes[0]])).is_success
    file = await place.finish(id)
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await place.outside.get(file["url"])).content == content
    assert await place.world.code("editor", RESUME, id=id) == "INVALID"


@pytest.mark.slow
async def test_a_content_is_what_it_was_announced_to_be(place):
    made = await place.create(mediaType="image/png", size=len(TEXT))
    assert await place.world.code("editor", FINISH, id=made["file"]["id"]) == "INVALID"
    assert (await place.send(made["upload"]["parts"][0], TEXT)).is_success
    with pytest.raises(Refused, match="The content is not image/png"):
        await place.finish(made["file"]["id"])
    program = b"\x7fELF" + bytes(60)
    made = await place.create(size=len(program))
    assert (await place.send(made["upload"]["parts"][0], program)).is_success
    with pytest.raises(Refused, match="not text/plain, but application/x-executable"):
        await place.finish(made["file"]["id"])
    assert (await place.show(made["file"]["id"]))["state"] == "PENDING"


async def test_an_address_for_uploading_changes_nothing_that_is_stored(place):
    made = await place.create()
    part = made["upload"]["parts"][0]
    assert (await place.send(part, TEXT)).is_success
    file = await place.finish(made["file"]["id"])
    assert (await place.send(part, TEXT[::-1])).is_success
    assert (await place.finish(file["id"]))["sha256"] == file["sha256"]
    assert (await place.outside.get(file["url"])).content == TEXT


async def test_what_a_browser_would_run_is_sent_as_bytes_of_no_type(place):
    page = b"<!doctype html><script>alert(1)</script>"
    file = await place.stored(page, name="a.html", mediaType="text/html")
    answer = await place.outside.get(file["url"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.slow
async def test_files_are_where_their_owners_are(place):
    world = place.world
    test = await case(world)
    execution = await record(world, test, "PASS")
    attached = await place.stored(ownerId=test["id"])
    evidence = await place.stored(PNG, ownerId=execution["id"], mediaType="image/png")
    assert attached["testCase"] == {"id": test["id"]}
    assert evidence["testExecution"] == {"id": execution["id"]}
    found = await world.ask(
        "viewer",
        """query ($id: UUID!) { testCase(id: $id) { files { nodes { id } }
            executions { nodes { files(filter: {mediaType: {eq: "image/png"}}) {
                totalCount nodes { id url } } } } } }""",
        id=test["id"],
    )
    assert found["files"]["nodes"] == [{"id": attached["id"]}]
    (run,) = found["executions"]["nodes"]
    assert run["files"]["totalCount"] == 1
    assert (await place.outside.get(run["files"]["nodes"][0]["url"])).content == PNG

    for person, code in (("viewer", "FORBIDDEN"), ("outsider", "NOT_FOUND")):
        given = {"ownerId": test["id"], "name": "a", "mediaType": "text/plain", "size": 1}
        assert await world.code(person, CREATE, input=given) == code
        assert await world.code(person, FINISH, id=attached["id"]) == code
        assert await world.code(person, RESUME, id=attached["id"]) == code
    hide = "UPDATE test_req SET deleted_at = now() WHERE id = $1"
    await world.superuser.execute(hide, test["id"])
    assert (
        await world.code("viewer", "query ($id: UUID!) { file(id: $id) { id } }", id=attached["id"])
        == "NOT_FOUND"
    )


@pytest.mark.slow
async def test_an_external_document_has_its_content_as_a_file(place):
    world = place.world
    create = """mutation ($input: ExternalDocumentCreateInput!) {
        externalDocumentCreate(input: $input) { externalDocument { id version } } }"""
    given = {"organizationId": world.organization, "name": "EN 50126", "type": "application/pdf"}
    norm = (await world.ask("editor", create, input=given))["externalDocument"]
    pdf = b"%PDF-1.7\n" + bytes(100)
    file = await place.stored(pdf, ownerId=norm["id"], mediaType="application/pdf")
    listed = """{ externalDocuments { nodes {
        name url files { nodes { id } } organization { id } } } }"""
    assert (await world.ask("member", listed))["nodes"] == [
        {
            "name": "EN 50126",
            "url": None,
            "files": {"nodes": [{"id": file["id"]}]},
            "organization": {"id": str(world.organization)},
        }
    ]
    for name, version in (("externalDocumentDelete", 1), ("externalDocumentRestore", 2)):
        change = f"""mutation ($id: UUID!, $version: BigInt!) {{
            {name}(id: $id, expectedVersion: $version) {{ __typename }} }}"""
        await world.ask("editor", change, id=norm["id"], version=version)
        shown = await world.code(
            "member", "query ($id: UUID!) { file(id: $id) { id } }", id=file["id"]
        )
        assert shown == ("NOT_FOUND" if version == 1 else None)
    update = """mutation ($id: UUID!) { externalDocumentUpdate(id: $id, expectedVersion: 3,
        input: {url: "ftp://norms.example"}) { externalDocument { id } } }"""
    with pytest.raises(Refused) as refused:
        await world.ask("editor", update, id=norm["id"])
    assert refused.value.field == ["input", "url"]


@pytest.mark.slow
async def test_a_document_has_one_thumbnail(place):
    thumbnail = {"purpose": "THUMBNAIL", "mediaType": "image/png"}
    for input, field in (
        ({"mediaType": "text/plain"}, "mediaType"),
        ({"size": 2_000_001}, "size"),
        ({"ownerId": (await case(place.world))["id"]}, "purpose"),
    ):
        with pytest.raises(Refused) as refused:
            await place.create(**thumbnail | input)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", field])
    file = await place.stored(PNG, **thumbnail)
    with pytest.raises(Refused, match="has a thumbnail already"):
        await place.create(**thumbnail)
    shown = "{ documents { nodes { thumbnail { id url } } } }"
    (document,) = (await place.world.ask("viewer", shown))["nodes"]
    assert document["thumbnail"]["id"] == file["id"]
    assert (await place.outside.get(document["thumbnail"]["url"])).content == PNG


@pytest.mark.slow
async def test_a_file_is_renamed_deleted_and_restored_with_its_content(place):
    ask, file = place.world.ask, await place.stored()
    renamed = await ask("editor", RENAME, id=file["id"], version=file["version"], name="Report.txt")
    assert renamed["file"]["name"] == "Report.txt"
    before = "query ($id: UUID!) { file(id: $id, atVersion: 2) { name size url } }"
    earlier = await ask("viewer", before, id=file["id"])
    assert (earlier["name"], earlier["size"]) == ("Notes.txt", len(TEXT))
    assert (await place.outside.get(earlier["url"])).content == TEXT
    await ask("editor", DELETE, id=file["id"], version=3)
    with pytest.raises(Refused, match="There is no such File"):
        await place.show(file["id"])
    await ask("editor", RESTORE, id=file["id"], version=4)
    answer = await place.outside.get((await place.show(file["id"]))["url"])
    assert answer.content == TEXT
    assert "Report.txt" in answer.headers["content-disposition"]


@pytest.mark.slow
async def test_the_plan_bounds_files_that_are_created_at_once(place, monkeypatch):
    plan = PLANS[BillingPlan.FREE]._replace(storage=3 * len(TEXT))
    monkeypatch.setitem(PLANS, BillingPlan.FREE, plan)

    async def create() -> str | None:
        try:
            await place.create()
        except Refused as refused:
            return refused.code
        return None

    codes = await asyncio.gather(*(create() for _ in range(8)))
    assert sorted(codes, key=str) == ["LIMIT_REACHED"] * 5 + [None] * 3
    assert await place.used() == 3 * len(TEXT)


@pytest.mark.slow
async def test_what_is_purged_or_given_up_leaves_the_storage(place, database):
    world = place.world
    await sweep(database, place.storage)  # what other tests have purged
    kept, gone = await place.stored(), await place.stored(PNG, mediaType="image/png")
    given_up = await place.create()
    assert (await place.send(given_up["upload"]["parts"][0], TEXT)).is_success
    assert await place.used() == 2 * len(TEXT) + len(PNG)
    await world.ask("editor", DELETE, id=gone["id"], version=gone["version"])
    assert await place.used() == 2 * len(TEXT) + len(PNG)  # it can be restored
    old = "UPDATE files SET deleted_at = now() - interval '40 days' WHERE id = $1"
    await world.superuser.execute(old, gone["id"])
    purge = "mutation ($ids: [UUID!]!) { purge(ids: $ids) { total } }"
    await world.ask("owner", purge, ids=[gone["id"]])
    late = "UPDATE files SET expires_at = now() - interval '2 hours' WHERE id = $1"
    await world.superuser.execute(late, given_up["file"]["id"])
    assert await world.code("editor", FINISH, id=given_up["file"]["id"]) == "INVALID"
    swept = await sweep(database, place.storage)
    assert (swept.expired, swept.removed, swept.abandoned) == (1, 2, 0)
    assert await place.used() == len(TEXT)
    assert (await place.outside.get(kept["url"])).content == TEXT
    assert (await place.outside.get(gone["url"])).is_client_error
    actions = [event["action"] for event in await world.records(given_up["file"]["id"])]
    assert actions == ["create", "purge"]
    assert await sweep(database, place.storage) == (0, 0, 0)


@pytest.mark.slow
async def test_uploads_that_belong_to_no_file_are_removed(place, monkeypatch, database):
    await place.storage.sweep(datetime.now(UTC) + timedelta(hours=1))
    small = (await place.create())["upload"]["parts"]
    large = (await place.create(size=6 * 2**20))["upload"]["parts"]
    assert (await place.send(small[0], TEXT)).is_success
    assert (await place.send(large[0], bytes(int(large[0]["size"])))).is_success
    monkeypatch.setattr("graph.platform.files.sweep.ABANDONED", -timedelta(hours=1))
    assert (await sweep(database, place.storage)).abandoned == 2
    assert (await sweep(database, place.storage)).abandoned == 0


async def test_a_storage_that_does_not_answer_is_busy_and_the_upload_goes_on_later(
    bucket, monkeypatch
):
    there = bucket.storage._base
    monkeypatch.setattr(bucket.storage, "_base", "http://127.0.0.1:9/bucket")
    made = await bucket.create()
    assert made["upload"] is None
    assert await bucket.world.code("editor", FINISH, id=made["file"]["id"]) == "BUSY"
    monkeypatch.setattr(bucket.storage, "_base", there)
    resumed = await bucket.world.ask("editor", RESUME, id=made["file"]["id"])
    assert (await bucket.send(resumed["upload"]["parts"][0], TEXT)).is_success
    assert (await bucket.finish(made["file"]["id"]))["state"] == "STORED"


async def test_a_content_of_the_gateway_itself_is_stored(place, tmp_path):
    stored = Stored(uuid4(), hashlib.sha256(TEXT).digest(), "Report.txt", "text/plain")
    await place.storage.put(stored, TEXT)
    url = place.storage.address(stored, timedelta(minutes=1))
    assert (await place.outside.get(url)).content == TEXT
    source = tmp_path / "report"
    source.write_bytes(TEXT)
    stored = dataclasses.replace(stored, file_id=uuid4())
    await place.storage.put_file(stored, source)
    url = place.storage.address(stored, timedelta(minutes=1))
    assert (await place.outside.get(url)).content == TEXT
    await place.storage.remove(stored.file_id)
    assert (await place.outside.get(url)).is_client_error
