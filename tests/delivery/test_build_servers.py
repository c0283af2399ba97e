"""The steps for build servers of the documentation, as plain shell, and `gateway report`."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
import yaml

from db.problem import Problem
from graph.app import create_app
from graph.commands import build_reports
from tests.core.keys import make_key
from tests.delivery.reporting import JUNIT, tested_feature
from tests.serving import served

PAGE = Path("docs/build-servers.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GITHUB, GITLAB = map(yaml.safe_load, BLOCKS)
STEPS = {
    "github": (GITHUB[0]["run"], {"BUILD_STATUS": "failure"}),
    "gitlab": (GITLAB["report"]["script"][0], {}),
}
VARIABLES = {
    "github": {"RUN_NUMBER": "7", "REF_NAME": "main", "SHA": "0123abcd"},
    "gitlab": {"PIPELINE_IID": "8", "COMMIT_REF_NAME": "main", "COMMIT_SHA": "0123abcd"},
}
BUILDS = """query ($id: UUID!) { project(id: $id) { builds(orderBy: [{by: BUILD_NUMBER}]) { nodes {
    buildNumber status versionTag gitBranch testsRun } } } }"""


@pytest.fixture
async def gateway(settings):
    """Yield the address of the gateway."""
    async with served(lambda _: create_app(settings)) as url:
        yield url


async def shell(script, folder, variables):
    """Run a script, and return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-e", "-u", "-c", script),
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_steps_of_the_documentation_and_the_command_report_builds(
    world, gateway, tmp_path, capsys
):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    await tested_feature(world, "brakes.stops")
    await make_key(world, "delivery:write")
    (tmp_path / "junit.xml").write_text(JUNIT)
    place = {"GATEWAY_URL": gateway, "GATEWAY_PROJECT": str(world.project)}
    key = {"GATEWAY_KEY": world.tokens["robot"]}
    for server, (script, more) in STEPS.items():
        prefix = {"github": "GITHUB", "gitlab": "CI"}[server]
        known = {f"{prefix}_{name}": value for name, value in VARIABLES[server].items()}
        code, output = await shell(script, tmp_path, place | key | known | more)
        assert code == 0, output
        code, output = await shell(script, tmp_path, place | {"GATEWAY_KEY": "x"} | known | more)
        assert code != 0
        assert "UNAUTHENTICATED" in output
    options = {
        "url": gateway,
        "project": str(world.project),
        "version_tag": "1.4.0",
        "commit": "0123abc",
        "branch": "main",
        "key": world.tokens["robot"],
        "junit": [tmp_path / "junit.xml"],
    }
    await asyncio.to_thread(build_reports.report, build_number=9, **options)
    printed = capsys.readouterr().out
    assert "results: 1 passed" in printed
    assert "tests that are unknown: brakes.holds, brakes.locks" in printed
    with pytest.raises(Problem, match="gitCommitHash: A commit has"):
        await asyncio.to_thread(
            build_reports.report, build_number=10, **options | {"commit": "no commit"}
        )
    missing = options | {"junit": [tmp_path / "none.xml"]}
    with pytest.raises(Problem, match="cannot be read"):
        await asyncio.to_thread(build_reports.report, build_number=10, **missing)
    builds = (await world.ask("viewer", BUILDS, id=world.project))["builds"]["nodes"]
    assert [list(one.values()) for one in builds] == [
        [7, "FAILED", "main", "main", 1],
        [8, "SUCCESS", "main", "main", 1],
        [9, "SUCCESS", "1.4.0", "main", 1],
    ]
