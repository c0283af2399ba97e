"""Every command with an unusable database: one sentence, and an exit code."""

import asyncio
import os
import signal
from uuid import uuid4

import asyncpg
import pytest
import typer
from typer.testing import CliRunner

import graph.jobs
from graph.cli import app
from graph.commands import jobs
from graph.commands.failure import sentence
from graph.platform.jobs.metrics import JobMetrics
from graph.settings import Settings
from tests.conftest import SECRET, TEMPLATE, dsn_of

SERVERS = {"dev", "serve", "worker"}
"""Commands that end with their log; they have tests of their own."""
WITHOUT = {"schema", "settings", "audit verify-export", "listen"}
"""Commands without a database."""
READERS = {
    "audit verify",
    "billing plans",
    "client list",
    "doctor",
    "framework list",
    "jobs",
    "webhooks list",
}
"""Commands that only read, or report the fault themselves."""

WITHOUT_DATABASE = {"billing plans"}
"""Commands that print constants of the program."""


def commands():
    """Yield each command with valid arguments."""

    def below(command, *names):
        if hasattr(command, "commands"):
            for name, one in command.commands.items():
                yield from below(one, *names, name)
        else:
            yield names, command

    for names, command in below(typer.main.get_command(app)):
        if " ".join(names) in SERVERS | WITHOUT:
            continue
        arguments = [*names]
        for parameter in command.params:
            if parameter.required:
                value = str(__file__) if "file" in parameter.name else "ada@demo.example"
                option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
                arguments += [*option, value]
            elif parameter.name == "password_stdin":
                arguments.append("--password-stdin")
        yield pytest.param(arguments, id=" ".join(names))


COMMANDS = list(commands())


async def run(arguments, dsn, folder):
    variables = {"DATABASE_URL": dsn, "GATEWAY_SECRET": SECRET, "GATEWAY_DATA_DIR": str(folder)}
    result = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        arguments,
        env=variables,
        input="correct horse battery staple\n",
    )
    error = result.exception
    assert error is None or isinstance(error, SystemExit) or sentence(error), repr(error)
    return result


@pytest.fixture(scope="module")
async def read_only(server_dsn):
    """Yield a database that refuses writes."""
    name = f"read_only_{uuid4().hex}"
    server = await asyncpg.connect(server_dsn)
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    yield dsn_of(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS)
async def test_a_database_that_takes_no_writes(read_only, arguments, tmp_path):
    result = await run(arguments, read_only, tmp_path)
    assert result.exit_code != 0 or " ".join(arguments) in READERS


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS)
async def test_a_database_that_is_not_there(arguments, tmp_path):
    result = await run(arguments, "postgresql://u:hidden@127.0.0.1:1/d", tmp_path)
    assert result.exit_code != 0 or " ".join(arguments) in WITHOUT_DATABASE
    assert "hidden" not in result.output


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS)
async def test_a_database_without_tables(server_dsn, arguments, tmp_path):
    if arguments == ["migrate"] or " ".join(arguments) in WITHOUT_DATABASE:
        return
    result = await run(arguments, dsn_of("postgres"), tmp_path)
    assert result.exit_code != 0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("token x --scope all", "There is no scope 'all'; the scopes are "),
        ("token x --scope :", "There is no scope ':'"),
        ("client add X --itself --device", "--device cannot be used with --itself"),
        ("client add X --device --require-pushed", "--require-pushed cannot be used with no"),
        ("schema --since /nowhere", "/nowhere: No such file or directory."),
        (f"schema --since {__file__}", "The file holds no GraphQL schema"),
        ("doctor", "/proc/nowhere: No such file or directory."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(command, says):
    variables = {"GATEWAY_DATA_DIR": "/proc/nowhere/data"}
    result = CliRunner().invoke(app, command.split(), env=variables)
    assert result.exit_code != 0
    assert says in (sentence(result.exception) or "")


async def test_a_worker_starts_whatever_the_database_refuses_and_ends_when_told(
    read_only, monkeypatch
):
    made, settings = asyncio.Event(), Settings(database_url=read_only, gateway_secret=SECRET)

    def worker_of(*arguments):
        made.set()
        return graph.jobs.worker_of(*arguments)

    monkeypatch.setattr(jobs, "worker_of", worker_of)
    working = asyncio.create_task(jobs._work(settings, settings.logins, 1, 0, JobMetrics()))
    try:
        async with asyncio.timeout(60):
            await asyncio.wait(
                [working, asyncio.create_task(made.wait())], return_when="FIRST_COMPLETED"
            )
            if not working.done():
                os.kill(os.getpid(), signal.SIGTERM)
            await working
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


def test_the_commands_are_all():
    assert len(COMMANDS) > 12
