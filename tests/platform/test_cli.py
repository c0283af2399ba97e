"""The command `gateway`, run as a person runs it: in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from graphql import build_schema

from auth.credentials.tokens import is_token
from db.embedded.cluster import Embedded
from graph.settings import Settings
from graph.settings.table import table
from migrations.run import upgrade

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery staple"
LIMIT = 240
"""Seconds after which a command hangs; each needs one or two on an idle machine."""


def environment(**variables):
    """Return this process's environment without settings, and with these."""
    ours = {name.upper() for name in Settings.model_fields} - {"GATEWAY_PG_BIN"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # commands are quick when Python keeps its byte code
    return kept | {name: str(value) for name, value in variables.items()}


def gateway(*arguments, typed="", **variables):
    return subprocess.run(
        [sys.executable, "-m", "graph.cli", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=ROOT,
        env=environment(**variables),
    )


def assert_refused(run, sentence):
    """Check that it failed with this sentence, and without a traceback."""
    assert run.returncode == 1
    assert run.stdout == ""
    assert sentence in run.stderr
    assert run.stderr.startswith("gateway: ")
    assert run.stderr.count("\n") == 1


@contextmanager
def serving(*arguments, **variables):
    """Run a gateway in the background; its lines are collected, and it is killed if it hangs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "graph.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(**variables),
    )
    killer = threading.Timer(LIMIT, process.kill)
    killer.start()
    try:
        yield process
    finally:
        killer.cancel()
        process.kill()
        process.communicate()


def ask(port):
    """Return the name of the root type, as the gateway answers."""
    body, headers = b'{"query": "{ __typename }"}', {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=LIMIT) as response:
        return json.load(response)["data"]["__typename"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Yield a data directory whose embedded server runs, as it does beside `gateway dev`."""
    folder = tmp_path_factory.mktemp("platform")
    with Embedded(folder / "postgres", settings={"fsync": "off"}):
        yield folder


@pytest.fixture(scope="module")
def person(data_dir):
    """Create a person on the command line, once the tables exist."""
    with Embedded(data_dir / "postgres") as embedded:
        upgrade(embedded.dsn())
    create = ("user", "create", "ada@demo.example", "--name", "Ada", "--password-stdin")
    run = gateway(*create, typed=f"{PASSWORD}\n", GATEWAY_DATA_DIR=data_dir)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    return "ada@demo.example"


def test_what_a_database_lacks_is_told_with_what_to_do(data_dir):
    examined = gateway("doctor", GATEWAY_DATA_DIR=data_dir)
    assert examined.returncode == 1
    assert "Run `gateway migrate`." in examined.stdout
    served = gateway("serve", GATEWAY_DATA_DIR=data_dir, PORT=0)
    assert_refused(served, "run `gateway migrate`")


def test_a_token_is_one_line_also_while_a_server_runs(data_dir, person):
    run = gateway("token", person, "--days", "1", GATEWAY_DATA_DIR=data_dir)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("\n") == 1
    assert is_token(run.stdout.strip())


def test_an_application_is_registered_and_ended(data_dir, person):
    add = ("client", "add", "Planner", "--redirect", "https://app.example/cb")
    run = gateway(*add, GATEWAY_DATA_DIR=data_dir)
    assert (run.returncode, run.stderr) == (0, "")
    made = dict(line.split() for line in run.stdout.splitlines())
    assert is_token(made["client_secret"], "rqs_")
    device = gateway("client", "add", "Screen", "--public", "--device", GATEWAY_DATA_DIR=data_dir)
    assert (device.returncode, device.stdout.count("\n")) == (0, 1)  # no secret
    end = ("client", "disable", made["client_id"])
    assert gateway(*end, GATEWAY_DATA_DIR=data_dir).returncode == 0
    assert_refused(gateway(*end, GATEWAY_DATA_DIR=data_dir), "There is no enabled application rqc-")


def test_a_refusal_is_one_sentence(data_dir, person):
    twice = ("user", "create", person, "--password-stdin")
    run = gateway(*twice, typed=f"{PASSWORD}\n", GATEWAY_DATA_DIR=data_dir)
    assert_refused(run, "This e-mail address is already in use.")


def test_a_migrated_database_is_in_order(data_dir, person):
    run = gateway("doctor", GATEWAY_DATA_DIR=data_dir)
    for subject in ("Server", "Roles", "Tables", "Row level security", "Audit log"):
        (line,) = (line for line in run.stdout.splitlines() if f" {subject} " in line)
        assert "✓" in line, run.stdout


def test_the_schema_is_printed():
    run = gateway("schema")
    assert run.stderr == ""
    assert build_schema(run.stdout).query_type


def test_the_settings_are_printed():
    assert gateway("settings").stdout == table()


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (["token", "x"], {"database_url": "postgresql://u:hidden@127.0.0.1:1/db"}, "be reached"),
        (["migrate"], {"port": "many"}, "PORT: "),
        (["serve"], {"gateway_env": "production"}, "Set GATEWAY_SECRET"),
        (
            ["serve"],
            {"gateway_env": "production", "gateway_secret": "0123456789abcdef" * 2},
            "Set DATABASE_URL",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_in_one_sentence(arguments, variables, sentence):
    run = gateway(*arguments, **{name.upper(): value for name, value in variables.items()})
    assert_refused(run, sentence)
    assert "hidden" not in run.stderr


def test_a_port_that_is_taken_is_told_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = gateway("serve", PORT=taken.getsockname()[1])
    assert_refused(run, "set HOST or PORT to another")


def test_dev_greets_with_what_one_needs_and_leaves_no_process(tmp_path):
    port = free_port()
    with serving("dev", PORT=port, GATEWAY_DATA_DIR=tmp_path) as process:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert f"http://127.0.0.1:{port}/explorer" in said
        for person in ("owner", "admin", "editor", "member", "viewer", "outsider"):
            assert f"{person}@demo.example" in said
        assert ask(port) == "Query"
        family = psutil.Process(process.pid).children(recursive=True)
        assert any(child.name() == "postgres" for child in family)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
    _, left = psutil.wait_procs(family, LIMIT)
    assert left == []


def test_a_request_that_has_begun_is_answered_before_serve_ends(data_dir, person):
    port = free_port()
    body = b'{"query": "{ __typename }"}'
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with serving("serve", PORT=port, GATEWAY_DATA_DIR=data_dir) as process:
        while "startup complete" not in (line := process.stderr.readline()):
            assert line
        with socket.create_connection(("127.0.0.1", port), LIMIT) as begun:
            begun.sendall(head + body[:5])
            assert ask(port) == "Query"  # so the server has read the first of the two by now
            process.send_signal(signal.SIGTERM)
            while "Shutting down" not in (line := process.stderr.readline()):
                assert line
            begun.sendall(body[5:])
            assert begun.recv(100).startswith(b"HTTP/1.1 200")
        assert process.wait(LIMIT) == 0
    with Embedded(data_dir / "postgres") as embedded:
        assert not embedded.owned
