"""`gateway audit verify` names the first bad event after any tampering by a superuser."""

import asyncio
import json

import pytest

from db.audit.personal import commit
from db.change import PERSONAL_DATA
from db.logins import Logins
from graph.commands import doctor

EARLIER = "now() - interval '3 hours'"
SWAP_TIMES = """
UPDATE audit_logs AS a SET created_at = b.created_at FROM audit_logs AS b
WHERE (a.id, b.id) IN (('{1}', '{3}'), ('{3}', '{1}'))
"""
POINT_TO = """
UPDATE audit_seals AS s SET event_id = e.id, event_at = e.created_at FROM audit_logs AS e
WHERE e.id = '%s' AND s.organization_id = '{organization}' AND s.seq = %s
"""
INSERT = """
INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, %s)
VALUES ('{organization}', gen_random_uuid(), 'Requirement', 'update', %s)
"""

# {0} to {4} are the five events of the chain, {organization} is its organization.
TAMPERED = {
    "a column is edited": (
        ["UPDATE audit_logs SET actor_id = gen_random_uuid() WHERE id = '{2}'"],
        "Number 3, event {2}",
        "the event was edited",
    ),
    "a value in JSON is edited": (
        ["""UPDATE audit_logs SET new_data = '{{"value": 20}}' WHERE id = '{2}'"""],
        "Number 3, event {2}",
        "the event was edited",
    ),
    "its transaction is another": (
        ["UPDATE audit_logs SET xid = '17' WHERE id = '{2}'"],
        "Number 3, event {2}",
        "the event was edited",
    ),
    "the first event is edited": (
        ["UPDATE audit_logs SET user_agent = '' WHERE id = '{0}'"],
        "Number 1, event {0}",
        "the event was edited or exchanged.",
    ),
    "the last event is edited": (
        ["UPDATE audit_logs SET ip_address = '192.0.2.1' WHERE id = '{4}'"],
        "Number 5, event {4}",
        "the event was edited",
    ),
    "an event moves to another organization": (
        ["UPDATE audit_logs SET organization_id = gen_random_uuid() WHERE id = '{2}'"],
        "Number 3, event {2}",
        "the event was edited",
    ),
    "an event is deleted": (
        ["DELETE FROM audit_logs WHERE id = '{2}'"],
        "Number 3, event {2}",
        "it was deleted",
    ),
    "an event is deleted with its seal": (
        [
            "DELETE FROM audit_logs WHERE id = '{2}'",
            "DELETE FROM audit_seals WHERE event_id = '{2}'",
        ],
        "Before event {3}",
        "number 3 of the chain is missing",
    ),
    "events are deleted with their seals": (
        [
            "DELETE FROM audit_logs WHERE id IN ('{1}', '{2}')",
            "DELETE FROM audit_seals WHERE event_id IN ('{1}', '{2}')",
        ],
        "Before event {3}",
        "numbers 2 to 3 of the chain is missing",
    ),
    "only a seal is deleted": (
        ["DELETE FROM audit_seals WHERE event_id = '{4}'"],
        "Event {4}",
        "or its seal was deleted",
    ),
    "two events swap their times": (
        [SWAP_TIMES],
        "Number 2, event {1}",
        "its time was changed to",
    ),
    "two events swap their places": (
        [
            "UPDATE audit_seals SET seq = 9 WHERE event_id = '{1}'",
            "UPDATE audit_seals SET seq = 2 WHERE event_id = '{3}'",
            "UPDATE audit_seals SET seq = 4 WHERE event_id = '{1}'",
        ],
        "Number 2, event {3}",
        "re-hashed or reordered",
    ),
    "two events swap their places under the same hashes": (
        [
            "UPDATE audit_seals SET event_id = gen_random_uuid() WHERE event_id = '{3}'",
            POINT_TO % ("{3}", 2),
            POINT_TO % ("{1}", 4),
        ],
        "Number 2, event {3}",
        "edited or exchanged",
    ),
    "an event is inserted under the number of an old transaction": (
        [INSERT % ("xid", "(SELECT xid FROM audit_logs WHERE id = '{2}')")],
        "Event ",
        "it was inserted past the sealer",
    ),
    "an event is inserted under the number of a transaction to come": (
        [INSERT % ("xid", "'777777777777'")],
        "Event ",
        "it was inserted past the sealer",
    ),
    "an event is dated back": (
        [INSERT % ("created_at", EARLIER)],
        "Event ",
        "it was dated back",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("statements", "at", "what"), TAMPERED.values(), ids=TAMPERED)
async def test_tampering_is_found(ledger, organization, events, statements, at, what):
    names = {"organization": organization}
    await ledger.tamper(*(each.format(*events, **names) for each in statements))
    run = await ledger.verify(organization)
    assert run.exit_code == 1
    assert run.sentence.startswith(at.format(*events))
    assert what in run.sentence
    assert f"in organization {await ledger.slug(organization)}" in run.sentence


async def test_a_record_that_nobody_has_altered_holds(ledger, organization, events):
    run = await ledger.verify(organization)
    assert (run.exit_code, run.sentence) == (0, None)
    assert run.output == "5 events verified in 1 chain; all are sealed.\n"


async def test_what_waits_for_the_sealer_is_counted(ledger, organization, events):
    await ledger.write(organization, "one", "two")
    run = await ledger.verify(organization)
    assert run.exit_code == 0
    assert run.output.startswith("5 events verified in 1 chain; 2 not yet sealed, the oldest of 2")


async def test_an_event_that_was_dated_back_is_found_after_it_was_sealed(
    ledger, organization, events
):
    await ledger.superuser.execute(
        "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, created_at)"
        f" VALUES ($1, $1, 'Requirement', 'update', {EARLIER})",
        organization,
    )
    await ledger.seal()
    run = await ledger.verify(organization)
    assert run.output == "5 events verified in 1 chain; all are sealed.\n"
    assert run.sentence.startswith("Number 6, event ")
    assert "was dated back" in run.sentence


async def test_a_long_transaction_is_not_taken_for_dating_back(ledger, organization):
    """Its events are older than those sealed before them, but it was open at that time."""
    async with ledger.connected("gateway_owner") as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(
            "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, created_at)"
            f" VALUES ($1, $1, 'Requirement', 'update', {EARLIER})",
            organization,
        )
        await ledger.seal()
        await transaction.commit()
    await ledger.seal()
    assert (await ledger.verify(organization)).exit_code == 0


async def test_a_seal_that_was_made_anew_is_found_at_the_next_one(ledger, organization, events):
    before = await ledger.seals(organization)
    await ledger.tamper(f"UPDATE audit_logs SET action = 'create' WHERE id = '{events[2]}'")
    await ledger.rehash(organization)
    for seal in before[3:]:
        await ledger.tamper(
            f"UPDATE audit_seals SET hash = '\\x{seal['hash'].hex()}'"
            f" WHERE event_id = '{seal['event_id']}'"
        )
    run = await ledger.verify(organization)
    assert run.sentence.startswith(f"Number 4, event {events[3]}")
    assert "unless the one before was altered together with its seal" in run.sentence


@pytest.fixture
async def checkpoints(ledger, events, tmp_path):
    """Return a file that an operator has kept elsewhere; the superuser has emptied the table."""
    run = await ledger.run("checkpoint")
    file = tmp_path / "checkpoints.ndjson"
    file.write_text(run.output)
    await ledger.tamper("DELETE FROM audit_checkpoints")
    return file


async def test_a_checkpoint_is_a_line_for_every_chain(ledger, organization, events):
    await ledger.write(organization, "not sealed yet")
    run = await ledger.run("checkpoint")
    heads = {head["organization_id"]: head for head in map(json.loads, run.output.splitlines())}
    head = (await ledger.seals(organization))[-1]
    assert heads[str(organization)]["seq"] == 6
    assert heads[str(organization)]["hash"] == head["hash"].hex()
    chains = "SELECT count(DISTINCT organization_id) FROM audit_seals"
    assert len(heads) == await ledger.superuser.fetchval(chains)


@pytest.mark.slow
async def test_a_chain_that_was_cut_is_found_by_a_checkpoint(
    ledger, organization, events, checkpoints
):
    assert (await ledger.verify(organization, "--checkpoints", checkpoints)).exit_code == 0
    await ledger.tamper(
        f"DELETE FROM audit_logs WHERE id = '{events[4]}'",
        f"DELETE FROM audit_seals WHERE event_id = '{events[4]}'",
    )
    assert (await ledger.verify(organization)).exit_code == 0  # nothing is left to tell of it
    run = await ledger.verify(organization, "--checkpoints", checkpoints)
    assert (run.exit_code, run.output) == (1, "4 events verified in 1 chain; all are sealed.\n")
    assert "was cut: it ends at number 4, but the checkpoint of" in run.sentence


async def test_a_chain_that_is_gone_is_found_by_the_checkpoint_in_the_database(
    ledger, organization, events
):
    await ledger.run("checkpoint")
    await ledger.tamper(
        f"DELETE FROM audit_logs WHERE organization_id = '{organization}'",
        f"DELETE FROM audit_seals WHERE organization_id = '{organization}'",
    )
    run = await ledger.verify(organization)
    assert "it ends at number 0, but the checkpoint of" in run.sentence


async def test_a_chain_that_was_made_anew_is_found_by_a_checkpoint(
    ledger, organization, events, checkpoints
):
    await ledger.tamper(f"UPDATE audit_logs SET action = 'create' WHERE id = '{events[1]}'")
    await ledger.rehash(organization)
    assert (await ledger.verify(organization)).exit_code == 0  # which is why checkpoints are kept
    run = await ledger.verify(organization, "--checkpoints", checkpoints)
    assert run.sentence.startswith(f"Number 5, event {events[4]}")
    assert run.sentence.endswith("the chain was re-hashed.")


async def test_dating_back_behind_a_checkpoint_is_found_even_when_the_seal_was_altered(
    ledger, organization, events, checkpoints
):
    lines = [json.loads(line) for line in checkpoints.read_text().splitlines()]
    year, _, rest = lines[0]["made_at"].partition("-")
    later = [{**line, "made_at": f"{int(year) + 1}-{rest}"} for line in lines]
    checkpoints.write_text("\n".join(map(json.dumps, later)))
    await ledger.write(organization, "new, as far as its seal knows")
    await ledger.seal()
    run = await ledger.verify(organization, "--checkpoints", checkpoints)
    assert run.sentence.startswith("Number 6, event ")
    assert "was dated back" in run.sentence


@pytest.mark.parametrize(
    ("name", "column", "lie"),
    [("audit_line", "event.action", "'update'"), ("sealed_line", "event.xid", "17")],
)
async def test_a_function_that_would_hide_an_edit_is_not_believed(
    ledger, organization, events, name, column, lie
):
    ours = await ledger.superuser.fetchval(f"SELECT pg_get_functiondef('ctx.{name}'::regproc)")
    await ledger.superuser.execute(ours.replace(column, lie))
    try:
        run = await ledger.verify(organization)
    finally:
        await ledger.superuser.execute(ours)
    assert (run.exit_code, run.output) == (1, "")
    assert f"ctx.{name} is not the one of this version" in run.sentence


@pytest.mark.slow
async def test_seals_of_the_first_releases_hold_and_the_chain_goes_on_from_them(
    ledger, organization, events
):
    await ledger.rehash(organization, "audit_line")
    await ledger.write(organization, "sealed by this release")
    await ledger.seal()
    assert (await ledger.verify(organization)).exit_code == 0
    await ledger.tamper(
        f"UPDATE audit_logs SET actor_id = NULL, action = 'x' WHERE id = '{events[1]}'"
    )
    assert "Number 2" in (await ledger.verify(organization)).sentence


@pytest.mark.slow
async def test_all_chains_are_verified_and_each_bad_one_is_named(ledger):
    bad = [await ledger.organization() for _ in range(2)]
    for organization in bad:
        await ledger.write(organization, "true")
    await ledger.write(None, "nobody's")
    await ledger.seal()
    for organization in bad:
        await ledger.tamper(
            "UPDATE audit_logs SET new_data = NULL, action = 'delete'"
            f" WHERE organization_id = '{organization}'"
        )
    run = await ledger.run("verify")
    assert run.exit_code == 1
    for organization in bad:
        assert f"in organization {await ledger.slug(organization)}, does not fit" in run.sentence
        await ledger.rehash(organization)  # the tests that follow find this database in order


@pytest.mark.slow
async def test_an_organization_is_named_by_its_slug_and_events_without_one_by_zeros(
    ledger, organization, events
):
    run = await ledger.run("verify", "--organization", await ledger.slug(organization))
    assert run.output.startswith("5 events verified")
    await ledger.write(None, "a failed sign-in")
    await ledger.seal()
    nobody = "00000000-0000-0000-0000-000000000000"
    assert (await ledger.run("verify", "--organization", nobody)).exit_code == 0
    run = await ledger.run("verify", "--organization", "nowhere")
    assert (run.exit_code, run.sentence) == (1, "There is no organization nowhere.")


@pytest.mark.parametrize("content", ["nonsense", '{"seq": 0}'])
async def test_a_file_that_holds_no_checkpoints_is_refused(ledger, organization, content, tmp_path):
    file = tmp_path / "checkpoints"
    run = await ledger.verify(organization, "--checkpoints", file)
    assert run.sentence == f"{file} cannot be read: No such file or directory."
    await asyncio.to_thread(file.write_text, content)
    run = await ledger.verify(organization, "--checkpoints", file)
    assert run.sentence == f"Line 1 of {file} is not a checkpoint."


VERIFICATIONS = "SELECT * FROM audit_logs WHERE action = 'verify' AND entity_id = $1"


async def test_a_verification_is_itself_recorded(ledger, organization, events):
    await ledger.run("verify", "--organization", organization)
    (event,) = await ledger.superuser.fetch(VERIFICATIONS, organization)
    assert (event["organization_id"], event["soc2_control"]) == (None, "CC7.2")
    assert (event["severity"], event["source_system"]) == ("low", "cli")
    details = json.loads(event["details"])
    assert (details["chains"], details["events"], details["faults"]) == (1, 5, [])
    await ledger.tamper(f"DELETE FROM audit_logs WHERE id = '{events[3]}'")
    run = await ledger.run("verify", "--organization", organization)
    (_, event) = await ledger.superuser.fetch(f"{VERIFICATIONS} ORDER BY created_at", organization)
    assert (event["severity"], json.loads(event["details"])["faults"]) == (
        "critical",
        [run.sentence],
    )


async def test_personal_values_that_are_not_those_of_their_digest_are_found(ledger, organization):
    """Values that were erased are no fault; altered ones are, and so are those of no event."""
    kept = commit({}, {"email": "kim@example.org"})
    find = "SELECT id FROM audit_logs WHERE organization_id = $1"
    await ledger.superuser.execute(
        "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, details)"
        " VALUES ($1, gen_random_uuid(), 'Profile', 'update', $2)",
        organization,
        json.dumps({PERSONAL_DATA: kept.digest}),
    )
    event = await ledger.superuser.fetchval(find, organization)
    await ledger.superuser.execute(
        "INSERT INTO audit_personal_data (event_id, organization_id, subject_id, salt, data)"
        " VALUES ($1, $2, gen_random_uuid(), $3, $4)",
        event,
        organization,
        kept.salt,
        kept.data,
    )
    await ledger.seal()
    assert (await ledger.verify(organization)).exit_code == 0
    await ledger.tamper(f"UPDATE audit_personal_data SET data = '{{}}' WHERE event_id = '{event}'")
    altered = await ledger.verify(organization)
    assert altered.sentence == (
        f"The personal values of event {event} do not have the digest that it holds: they were"
        " altered."
    )
    found = await doctor._personal(Logins.of(ledger.dsn))
    assert found.state == altered.sentence
    await ledger.tamper(f"DELETE FROM audit_personal_data WHERE event_id = '{event}'")
    assert (await ledger.verify(organization)).exit_code == 0
