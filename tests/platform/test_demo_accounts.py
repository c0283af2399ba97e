"""The demo's passwords are saved for the database that they open."""

import asyncio
import json

from db.logins import Logins
from graph.commands import demo
from graph.commands.demo import Account, accounts, create


async def test_passwords_are_those_of_their_database(settings, monkeypatch, tmp_path):
    made = []

    async def made_up(at, _settings):
        made.append(at.dsn)
        return [Account("owner@demo.example", f"password {len(made)}", "owner")]

    async def somebody(_):
        return True

    monkeypatch.setattr(demo, "_create", made_up)
    monkeypatch.setattr(demo, "_anybody", somebody)
    other = settings.model_copy(update={"gateway_data_dir": tmp_path})
    own = other.model_copy(update={"database_url": None})
    embedded = Logins("postgresql://gateway:a@127.0.0.1:4711/gateway")
    again = Logins("postgresql://gateway:a@127.0.0.1:4712/gateway")  # its next start
    (tmp_path / "demo.json").write_text(json.dumps([["owner@demo.example", "old", "owner"]]))

    def told(at, settings):
        return [account.password for account in accounts(at, settings)]

    assert await asyncio.to_thread(told, settings.logins, other) == []
    await asyncio.to_thread(create, embedded, own)
    await asyncio.to_thread(create, settings.logins, other)
    assert await asyncio.to_thread(told, again, own) == ["password 1"]
    assert await asyncio.to_thread(told, settings.logins, other) == ["password 2"]
