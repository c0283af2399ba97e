"""An operator's commands for applications."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from graph.commands.clients import app
from tests.oauth.conftest import Application

FORM = {"grant_type": "client_credentials"}


@pytest.fixture
def run(database_dsn, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_dsn)

    async def run(*arguments):
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    return run


@pytest.mark.slow
async def test_an_application_is_listed_and_given_another_secret(run, dial):
    made = dict(line.split() for line in (await run("add", "Nightly", "--itself")).splitlines())
    nightly = Application(dial(), made["client_id"], made["client_secret"], "")
    assert (await nightly.post("token", FORM)).status_code == 200
    rows = [line.split("\t") for line in (await run("list")).splitlines()]
    (row,) = (row for row in rows if row[0] == nightly.client_id)
    assert row[1:3] == ["Nightly", "enabled"]
    assert "requirements:write" in row[3]
    assert "admin" not in row[3].split()  # nobody has asked for it
    told = dict(line.split() for line in (await run("rotate", nightly.client_id)).splitlines())
    renewed = replace(nightly, secret=told["client_secret"])
    assert datetime.fromisoformat(told["former_until"]) > datetime.now(UTC)
    assert (await nightly.post("token", FORM)).status_code == 200
    assert (await renewed.post("token", FORM)).status_code == 200
    await run("revoke-former-secret", nightly.client_id)
    assert (await nightly.post("token", FORM)).status_code == 401
    assert (await renewed.post("token", FORM)).status_code == 200
    told = dict([(await run("rotate", nightly.client_id, "--revoke-former")).split()])
    assert (await renewed.post("token", FORM)).status_code == 401
    nightly.secret = told["client_secret"]
    assert (await nightly.post("token", FORM)).status_code == 200
    await run("disable", nightly.client_id)
    assert f"{nightly.client_id}\tNightly\tdisabled" in await run("list")
