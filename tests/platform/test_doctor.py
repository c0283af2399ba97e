"""The findings of `doctor` on the settings, and on who signed in."""

from ipaddress import ip_address

import pytest
from pydantic import SecretStr

from db.logins import Logins
from graph.commands import doctor
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
