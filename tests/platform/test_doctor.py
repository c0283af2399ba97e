"""The findings of `doctor` on the settings, and on who signed in."""

from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from db import retention
from db.logins import OWNER, Logins
from db.retention import RETENTIONS
from db.server import connected
from graph.commands import doctor
from graph.jobs import KINDS
from graph.platform.files import sweep
from graph.platform.jobs.upkeep import signing_keys_of
from graph.platform.webhooks.upkeep import prune_of
from tests.conftest import SECRET


@pytest.mark.parametrize(
    ("url", "found"),
    [("http://gateway.example", True), ("https://gateway.example", False), ("", True)],
)
def test_production_without_https_is_found(settings, monkeypatch, url, found):
    monkeypatch.delenv("GATEWAY_NO_SKIP", raising=False)
    production = {"gateway_env": "production", "public_url": url}
    (finding,) = doctor._settings(
        settings.model_copy(update=production | {"gateway_secret": SecretStr(SECRET)})
    )
    assert bool(finding.advice) == found
    assert ("https" in finding.advice) == found


async def test_people_who_all_come_from_one_private_address_are_behind_a_proxy(
    world, database_dsn, superuser, monkeypatch
):
    at = Logins(database_dsn)
    ours = f" AND user_id IN ('{world.people['owner']}', '{world.people['admin']}', '{{}}')"
    monkeypatch.setattr(doctor, "SIGN_INS", doctor.SIGN_INS + ours.format(world.people["editor"]))
    people = [world.people[name] for name in ("owner", "admin", "editor")]

    async def sign_in(person, address):
        await superuser.execute(
            "INSERT INTO sessions (id, user_id, token_hash, expires_at, ip_address)"
            " VALUES (gen_random_uuid(), $1, sha256(gen_random_uuid()::text::bytea),"
            " now() + interval '1 hour', $2)",
            person,
            ip_address(address),
        )

    for person in people[:2]:
        await sign_in(person, "10.0.0.7")
    assert await doctor._proxy(at) == []  # they may be one household
    await sign_in(people[2], "10.0.0.7")
    (finding,) = await doctor._proxy(at)
    assert "from 10.0.0.7" in finding.state
    assert "TRUSTED_PROXIES" in finding.advice
    await sign_in(people[2], "192.0.2.1")
    assert await doctor._proxy(at) == []


async def test_jobs_that_nobody_runs_are_found(database_dsn, superuser):
    at = Logins(database_dsn)
    assert (await doctor._jobs(at)).state == "in order"
    id = await superuser.fetchval(
        "INSERT INTO jobs (kind, run_at) VALUES ('tests.late', now() - interval '1 day')"
        " RETURNING id"
    )
    found = await doctor._jobs(at)
    await superuser.execute("DELETE FROM jobs WHERE id = $1", id)
    assert "tests.late has been due since" in found.state
    assert "gateway worker" in found.advice


async def test_rows_that_are_kept_for_too_long_are_found(
    world, database_dsn, superuser, settings, monkeypatch
):
    """Of verifications alone: other tests leave old rows of other tables."""
    at = Logins(database_dsn)
    (verifications,) = [one for one in RETENTIONS if one.table == "audit_verifications"]
    monkeypatch.setattr(retention, "RETENTIONS", (verifications,))
    old = "DELETE FROM audit_verifications WHERE created_at < now() - interval '400 days'"
    await superuser.execute(old)
    assert (await doctor._retention(at, settings)).state == "in order"
    await superuser.execute(
        "INSERT INTO audit_verifications (organization_id, started_at, created_at, event_count,"
        " last_seq, head_hash) VALUES ($1, now(), now() - interval '403 days', 0, 0, sha256(''))",
        world.organization,
    )
    finding = await doctor._retention(at, settings)
    assert finding.state == "audit_verifications has rows of more than 400 days"
    assert "audit.verify" in finding.advice
    await superuser.execute(old)
    assert (await doctor._retention(at, settings)).state == "in order"


def test_each_retention_has_a_job_and_is_documented(settings):
    others = (prune_of(30), sweep.kind_of(SimpleNamespace()), signing_keys_of(settings))
    kinds = {kind.name for kind in (*KINDS, *others)}
    text = (Path(doctor.__file__).parents[2] / "docs" / "recovery.md").read_text()
    for one in RETENTIONS:
        assert one.job in kinds
        assert f"`{one.job}`" in text


async def test_the_days_of_a_setting_are_those_of_its_retention(database_dsn, settings):
    (deliveries,) = [one for one in RETENTIONS if one.setting]
    days = settings.model_copy(update={deliveries.setting: 10_000})
    async with connected(Logins(database_dsn), OWNER) as connection:
        found = await retention.overdue(connection, days)
        assert deliveries.table not in {one.table for one in found}
