"""docs/partners.md: every program in it runs as written, against a live gateway."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from auth.oauth.registry import register
from graph.app import create_app
from tests.conftest import SECRET
from tests.live.test_hub import DELETE, UPDATE, create
from tests.nodejs import NODE, installed
from tests.oauth.conftest import Person, arrive
from tests.programs import converse
from tests.serving import served
from tests.tenants import join

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "partners.md").read_text()
REDIRECTS = ("https://planner.example/callback", "http://127.0.0.1/callback")
SCOPE = "organizations:read requirements:read"


def programs() -> dict[str, dict[str, str]]:
    """Return the programs of the page by section and language; the blocks of a section are one."""
    found: dict[str, dict[str, str]] = {}
    for section in GUIDE.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        blocks: defaultdict[str, str] = defaultdict(str)
        for language, source in re.findall(
            r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
        ):
            blocks[language] += source
        if blocks:
            found[title] = dict(blocks)
    return found


PROGRAMS = programs()
DELETE_BLOCK = """mutation ($id: UUID!) {
    blockDelete(id: $id, expectedVersion: 1) { block { id } } }"""
CURL = PROGRAMS["Register your application"]["sh"] + PROGRAMS["With curl"]["sh"]

Run = Callable[..., Awaitable[str]]


@pytest.fixture
async def member(visitor: Person, world, superuser) -> Person:
    """Return a person with a project to read."""
    await join(superuser, world.organization, visitor.id)
    return visitor


@pytest.fixture
def run(gateway: str, visitor: Person, database_dsn: str, tmp_path: Path) -> Run:
    """Return a function that runs a program of the page, with a person at a browser."""
    command = tmp_path / ".venv" / "bin" / "gateway"
    command.parent.mkdir(parents=True)
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m graph.cli "$@"\n'
    )
    command.chmod(0o755)
    surroundings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DATABASE_URL": database_dsn,
        "GATEWAY_SECRET": SECRET,
        "GATEWAY": gateway,
    }

    async def browse(line: str) -> str | None:
        """Open the address that the program prints; pass the answer on to it."""
        if not line.startswith("Open "):
            return None
        ends = await arrive(visitor.browser, line.removeprefix("Open "))
        if ends.startswith("http://127.0.0.1:"):
            async with httpx.AsyncClient() as elsewhere:
                await elsewhere.get(ends)
            return None
        return ends

    async def run(language: str, source: str, hear=browse, **env: str | None) -> str:
        if language == "sh" and not shutil.which("curl"):
            pytest.skip("curl is not installed")
        command = {
            "sh": ["bash", "-euo", "pipefail", "-c"],
            "python": [sys.executable, "-c"],
            "js": [installed(), "--input-type=module", "-e"] if language == "js" else [],
        }[language]
        cwd = NODE if language == "js" else tmp_path  # where the packages are
        given = {name: value for name, value in env.items() if value is not None}
        return await converse([*command, source], hear, cwd=cwd, env=surroundings | given)

    return run


@pytest.fixture
async def registered(database) -> dict[str, str | None]:
    """Return the credentials of an application registered as the page describes."""
    made = await register(database, "Planner", REDIRECTS, scope=SCOPE)
    return {"CLIENT_ID": made.client_id, "CLIENT_SECRET": made.secret}


def test_every_program_of_the_page_is_run_here():
    assert {(title, language) for title, found in PROGRAMS.items() for language in found} == {
        ("Register your application", "sh"),
        ("With curl", "sh"),
        ("In Python", "python"),
        ("In Node.js", "js"),
        ("Retry mutations", "sh"),
        ("Keep a copy in sync", "sh"),
        ("Keep a copy in sync", "json"),
        ("Keep a copy in sync", "python"),
        ("Run without a user", "sh"),
        ("Run without a user", "python"),
        ("Sign in with the gateway", "python"),
        ("Pushed requests and DPoP", "js"),
    }
    blocks = re.findall(r"^```(?:sh|python|js|json)$", GUIDE, re.MULTILINE)
    assert GUIDE.count("```") == 2 * len(blocks)


async def test_with_curl(run: Run, member: Person, world, superuser):
    said = await run("sh", CURL)
    assert said.count(member.email) == 1
    assert f"Project {world.name}" in said
    assert 'error="insufficient_scope", scope="organizations:write"' in said
    assert 'error="invalid_token"' in said
    assert json.loads(said.splitlines()[-1])["error"] == "invalid_grant"
    (client_id,) = re.findall(r"^client_id +(rqc-\w+)$", said, re.MULTILINE)
    row = await superuser.fetchrow("SELECT * FROM oauth_clients WHERE client_id = $1", client_id)
    assert json.loads(row["redirect_uris"]) == list(REDIRECTS)
    assert set(row["scope"].split()) == set(SCOPE.split())
    (itself,) = re.findall(r'"client_id": ?"(rqc-\w+)"', said)
    assert itself != client_id


async def test_in_python(run: Run, member: Person, world, registered):
    said = await run("python", PROGRAMS["In Python"]["python"], **registered)
    assert said.count("Keeping the tokens until") == 2
    assert f"{member.email} ['Project {world.name}']" in said
    assert re.search("^FORBIDDEN .* organizations:write$", said, re.MULTILINE)
    assert said.count(member.email) == 2
    assert re.search('^Refused: Bearer error="invalid_token"', said, re.MULTILINE)
    assert said.endswith("Connect again: invalid_grant\n")


async def test_in_node(run: Run, member: Person, world, registered):
    said = await run("js", PROGRAMS["In Node.js"]["js"], **registered)
    assert f"{member.email} [ 'Project {world.name}' ]" in said
    assert re.sub("for 3[56][0-9]{2} s", "for an hour", said).splitlines()[-4:] == [
        "Refused: insufficient_scope organizations:write",
        "Renewed for an hour",
        "Refused: invalid_token",
        "Connect again: invalid_grant",
    ]


async def test_writing_once(run: Run, world):
    given = {"ACCESS": await world.token("editor"), "REQUIREMENT": str(world.requirement)}
    first, _, second, replayed = (
        await run("sh", PROGRAMS["Retry mutations"]["sh"], **given)
    ).splitlines()
    assert first == second
    assert json.loads(first)["data"]["requirementUpdate"]["requirement"]["version"] == 2
    assert replayed == "true"


async def test_signing_in_with_the_gateway(run: Run, visitor: Person, registered):
    said = await run("python", PROGRAMS["Sign in with the gateway"]["python"], **registered)
    assert said.endswith(f"Signed in: {visitor.email}\n")


async def test_a_refresh_token_is_given_without_being_asked_for(planner, member: Person):
    assert "refresh_token" in await planner.connect(member, scope="organizations:read")


async def test_keeping_a_copy(run: Run, planner, member: Person, world):
    """Renamed, created and deleted rows between two runs are in the copy after the second."""
    access = {"ACCESS": (await planner.connect(member))["access_token"]}
    headers = {"Authorization": f"Bearer {access['ACCESS']}"}
    asked = {"project": str(world.project)}
    start = (await planner.http.get("/changes", params=asked, headers=headers)).json()["cursor"]

    async def holds(*names: str, after: int) -> None:
        """Wait until this many events are sequenced, run the program, and check its copy."""
        told: list[object] = []
        while len(told) < after:
            page = await planner.http.get(
                "/changes", params=asked | {"after": start, "wait": 1}, headers=headers
            )
            told = page.json()["events"]
        said = await run("python", PROGRAMS["Keep a copy in sync"]["python"], **access)
        assert said == f"Holding {[*names]}\n"

    name = f"Requirement {world.name}"
    await holds(name, after=0)
    await world.ask("editor", UPDATE, id=world.requirement, v=1, name="Renamed")
    made = [await create(world, name) for name in ("A", "B")]
    await holds("A", "B", "Renamed", after=3)
    await world.ask("editor", DELETE, id=made[1]["id"], v=made[1]["version"])
    await holds("A", "Renamed", after=4)
    await world.ask("editor", DELETE_BLOCK, id=world.block)
    await holds(after=5)
    given = access | {"PROJECT": str(world.project), "CURSOR": start}
    said = await run("sh", PROGRAMS["Keep a copy in sync"]["sh"], **given)
    page = json.loads(said)
    shown = json.loads(PROGRAMS["Keep a copy in sync"]["json"])
    assert page.keys() == shown.keys()
    assert page["events"][0].keys() == shown["events"][0].keys()


async def test_without_people(run: Run, settings, world):
    """The gateway of this test is slow to serve, and others occupy it."""
    source = PROGRAMS["Run without a user"]["sh"] + "printenv CLIENT_ID CLIENT_SECRET"
    said = await run("sh", source, OWNER=world.email("owner"))
    own = dict(zip(("CLIENT_ID", "CLIENT_SECRET"), said.split(), strict=True))
    waits = asyncio.Event()

    def make(url: str) -> Starlette:
        slow = settings.model_copy(update={"public_url": url, "client_requests": 1})
        return create_app(slow)

    async def hear(line: str) -> None:
        if line.startswith("Waiting for "):
            waits.set()

    async with served(make) as url, httpx.AsyncClient(base_url=url) as other:

        async def occupy(given: int) -> None:
            """Request tokens until this many are granted or somebody waits: each adds load."""
            form = {"grant_type": "client_credentials"}
            while given and not waits.is_set():
                answer = await other.post("/oauth/token", data=form, auth=tuple(own.values()))
                given -= answer.is_success
                await asyncio.sleep(0.02)

        await occupy(given=2)
        occupied = asyncio.create_task(occupy(given=3))
        try:
            said = await run(
                "python", PROGRAMS["Run without a user"]["python"], hear, GATEWAY=url, **own
            )
        finally:
            occupied.cancel()
    assert re.search(r"^Waiting for \d+$", said, re.MULTILINE)
    assert "Given: organizations:read requirements:read for 3600" in said
    assert said.endswith(f"Robot ['Project {world.name}']\n")


async def test_with_more_care(run: Run, visitor: Person, registered):
    said = await run("js", PROGRAMS["Pushed requests and DPoP"]["js"], **registered)
    asked, *said = said.splitlines()
    assert re.search("[?&]request_uri=urn%3Aietf", asked)
    assert "scope" not in asked
    assert said == ["Given: dpop", "With the key: 200", "Without it: invalid_token"]
