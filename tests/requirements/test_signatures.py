"""Signatures: of people at a browser, never changed, and verified without the gateway."""

import asyncio
import json
import random
import runpy
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from db.audit.sealing import seal_everything
from graph.cli import app
from graph.commands.failure import sentence
from tests.conftest import SECRET
from tests.requirements.proposals import UPDATE
from tests.requirements.reviewing import SIGN, Reviewing, browser
from tests.world import Refused

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_evidence.py"
VERIFY = runpy.run_path(str(SCRIPT))
BASELINE = """mutation ($id: UUID!) { baselineCreate(input: {documentId: $id, name: "R"}) {
    baseline { id contentHash } } }"""
SIGNATURES = """query ($id: ID!) { node(id: $id) { ... on Requirement { signatures { nodes {
    id isStale isIntact signerName entity { id } } } } } }"""
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '6 minutes' WHERE user_id = $1"


@pytest.fixture
def sign(world, settings):
    """Return a function that signs as a person who has just signed in."""

    async def sign(person, id, meaning="APPROVAL", **more):
        post = await browser(world, person, settings)
        input = {"entityId": id, "meaning": meaning, **more}
        return (await post(SIGN, input=input))["signature"]

    return sign


async def seal(world):
    async with world.database.auth.lend(None) as lent:
        await seal_everything(lent)


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


async def test_a_signature_states_who_when_why_and_what(world, sign):
    made = await sign("viewer", world.requirement, comment="Released.")
    assert made["signerName"] == f"viewer {world.name}"
    assert made["signerEmail"] == world.email("viewer")
    assert (made["meaning"], made["comment"]) == ("APPROVAL", "Released.")
    assert (made["isIntact"], made["isStale"]) == (True, False)
    assert made["signedAt"] >= made["authenticatedAt"]
    content = json.loads(made["content"])
    assert content["content"]["name"] == f"Requirement {world.name}"
    assert content["entity"] == {
        "type": "Requirement",
        "id": str(world.requirement),
        "version": 1,
    }
    assert sha256(made["content"].encode()).hexdigest() == made["contentHash"]
    change = {"input": {"description": "Another text."}}
    await world.ask("editor", UPDATE, id=world.requirement, version=1, **change)
    read = await world.ask("viewer", SIGNATURES, id=world.requirement)
    assert read["signatures"]["nodes"] == [
        {
            "id": made["id"],
            "isStale": True,
            "isIntact": True,
            "signerName": f"viewer {world.name}",
            "entity": {"id": str(world.requirement)},
        }
    ]


async def test_a_signature_needs_a_browser_and_a_recent_password(world, settings):
    input = {"entityId": world.requirement, "meaning": "REVIEW"}
    assert await world.code("admin", SIGN, input=input) == "FORBIDDEN", "a token"
    post = await browser(world, "admin", settings)
    await world.superuser.execute(LONG_AGO, world.people["admin"])
    refused = await refusal(post(SIGN, input=input))
    assert refused.code == "FORBIDDEN"
    assert refused.errors[0]["extensions"]["prove"] == "/prove?always=1"
    for person in ("outsider", "member"):
        post = await browser(world, person, settings)
        refused = await refusal(post(SIGN, input=input))
        assert (refused.code, refused.field) == ("NOT_FOUND", ["input", "entityId"])
    assert (
        await world.superuser.fetchval(
            "SELECT count(*) FROM signatures WHERE organization_id = $1", world.organization
        )
        == 0
    )


async def test_a_verdict_is_signed_by_its_reviewer_and_a_review_once_it_is_closed(world, sign):
    review = await Reviewing.begin(world, reviewers=["viewer"])
    verdict = (await review.submit("viewer", "APPROVE"))["verdicts"][0]["id"]
    assert (await refusal(sign("admin", verdict))).code == "FORBIDDEN"
    made = await sign("viewer", verdict, "REVIEW")
    assert json.loads(made["content"])["verdict"]["verdict"] == "approve"
    assert (await refusal(sign("admin", review.id))).code == "INVALID"
    await review.end()
    whole = json.loads((await sign("admin", review.id))["content"])
    assert [item["entity"]["id"] for item in whole["items"]] == [str(world.requirement)]
    assert [one["verdict"] for one in whole["verdicts"]] == ["approve"]


async def test_nobody_changes_a_signature(world, sign):
    made = await sign("viewer", world.requirement)
    change = world.superuser.execute(
        "UPDATE signatures SET signer_name = 'X' WHERE id = $1", made["id"]
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await change
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        held = "SELECT has_table_privilege('gateway_app', 'signatures', $1)"
        assert not await world.superuser.fetchval(held, right)


@pytest.fixture
async def evidence(world, sign, database_dsn, tmp_path, settings):
    """Return the bytes of the evidence of signatures of a baseline, a verdict and a review."""
    review = await Reviewing.begin(world, reviewers=["viewer"])
    verdict = (await review.submit("viewer", "APPROVE"))["verdicts"][0]["id"]
    await sign("viewer", verdict, "REVIEW")
    await review.end()
    await sign("admin", review.id)
    baseline = (await world.ask("editor", BASELINE, id=world.document))["baseline"]["id"]
    await sign("owner", baseline, "RESPONSIBILITY", comment="Release 1")

    async def export(*options):
        file = tmp_path / f"evidence-{len(list(tmp_path.iterdir()))}.jsonl"
        arguments = ["audit", "evidence", str(world.organization), str(file), *map(str, options)]
        variables = {"DATABASE_URL": database_dsn, "GATEWAY_SECRET": SECRET}
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=variables)
        if result.exception and not isinstance(result.exception, SystemExit):
            told = sentence(result.exception)
            if told is None:
                raise result.exception
            return told
        return file.read_bytes()

    export.review, export.baseline = review.id, baseline
    return export


async def test_evidence_is_verified_by_the_script_alone(world, evidence):
    whole = await evidence()
    told = VERIFY["verify"](whole)
    assert told.startswith("3 signatures hold")
    head = told.rpartition(" ")[2]
    seq, _, hash = head.partition(":")
    assert VERIFY["verify"](whole, {int(seq): hash}) == told
    with pytest.raises(VERIFY["BrokenError"], match="is not the one that you have stored"):
        VERIFY["verify"](whole, {int(seq): "0" * 64})
    of_review = VERIFY["verify"](await evidence("--review", evidence.review))
    assert of_review.startswith("2 signatures hold")
    of_baseline = VERIFY["verify"](await evidence("--baseline", evidence.baseline))
    assert of_baseline.startswith("1 signatures hold")
    assert "There is no such" in await evidence("--baseline", evidence.review)
    exported = await world.superuser.fetchval(
        "SELECT count(*) FROM audit_logs WHERE organization_id = $1 AND action = 'export'",
        world.organization,
    )
    assert exported == 3


@pytest.mark.slow
async def test_of_ten_thousand_random_changes_of_one_byte_all_are_found(evidence):
    whole = await evidence()
    source = random.Random(20261201)
    missed = []
    for _ in range(10_000):
        at, by = source.randrange(len(whole)), source.randrange(1, 256)
        changed = bytearray(whole)
        changed[at] ^= by
        try:
            VERIFY["verify"](bytes(changed))
            missed.append(at)
        except VERIFY["BrokenError"]:
            pass
    assert missed == []


def rewritten(whole, change):
    """Return the evidence with changed records, and a SHA-256 that fits them."""
    records = [json.loads(line) for line in whole.splitlines()[:-1]]
    for record in records:
        change(record)
    canonical = VERIFY["canonical"]
    body = b"".join(canonical(record) + b"\n" for record in records)
    return body + canonical({"sha256": sha256(body).hexdigest()}) + b"\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signer_name", "Somebody else"),
        ("meaning", "authorship"),
        ("signed_at", "2020-01-01T00:00:00+00:00"),
        ("content_hash", "\\x" + "0" * 64),
    ],
)
async def test_a_forged_signature_is_named_with_the_field(evidence, field, value):
    whole = await evidence()

    def forge(record):
        if record.get("signature", {}).get("comment") == "Release 1":
            record["signature"][field] = value

    with pytest.raises(VERIFY["BrokenError"], match=f"{field}|content") as broken:
        VERIFY["verify"](rewritten(whole, forge))
    assert "signature" in str(broken.value)


async def test_forged_content_is_found_though_all_hashes_of_the_file_fit(evidence):
    whole = await evidence()

    def forge_item(record):
        if "item" in record:
            record["item"]["canonical"] = record["item"]["canonical"].replace("Requirement", "X")

    def forge_event(record):
        if "event" in record:
            record["event"]["line"] = record["event"]["line"].replace("Release 1", "Release 2")

    def forge_copy(record):
        if "reviewItem" in record:
            record["reviewItem"]["content"]["name"] = "X"

    for forge, fault in (
        (forge_item, "has changed"),
        (forge_event, "head of the chain"),
        (forge_copy, "content of item"),
    ):
        with pytest.raises(VERIFY["BrokenError"], match=fault):
            VERIFY["verify"](rewritten(whole, forge))
    assert VERIFY["verify"](rewritten(whole, lambda _: None))
