"""`gateway report`: send the report of a build to the gateway, from a build server.

It is a client of `POST /build-reports`. Options have defaults from the environment variables of
GitHub Actions and GitLab CI.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

SECONDS = 120.0
"""The time that a report may take."""
LISTED = 20
"""The most names that are printed."""
Files = list[Path] | None


def report(
    project: Annotated[str, typer.Option(envvar="GATEWAY_PROJECT", help="The ID of the project.")],
    build_number: Annotated[
        int,
        typer.Option(
            envvar=["GITHUB_RUN_NUMBER", "CI_PIPELINE_IID"], help="The number of the build."
        ),
    ],
    version_tag: Annotated[
        str,
        typer.Option(
            envvar=["CI_COMMIT_TAG", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"],
            help="The version that was built.",
        ),
    ],
    commit: Annotated[
        str, typer.Option(envvar=["GITHUB_SHA", "CI_COMMIT_SHA"], help="The commit.")
    ],
    branch: Annotated[
        str, typer.Option(envvar=["GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"], help="The branch.")
    ],
    key: Annotated[
        str, typer.Option(envvar="GATEWAY_KEY", help="An API key with the scope `delivery:write`.")
    ],
    url: Annotated[
        str, typer.Option(envvar="GATEWAY_URL", help="The URL of the gateway.")
    ] = "http://127.0.0.1:8000",
    junit: Annotated[Files, typer.Option(help="A file in JUnit XML. Repeatable.")] = None,
    results: Annotated[Files, typer.Option(help="A file of results in JSON. Repeatable.")] = None,
    sarif: Annotated[Files, typer.Option(help="A scan in SARIF 2.1.0. Repeatable.")] = None,
    cyclonedx: Annotated[
        Files, typer.Option(help="A scan in CycloneDX, in JSON. Repeatable.")
    ] = None,
    status: Annotated[
        Literal["SUCCESS", "FAILED", "CANCELLED"], typer.Option(help="The status of the build.")
    ] = "SUCCESS",
    coverage: Annotated[
        float | None, typer.Option(help="The code that tests cover, from 0 to 100.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="The environment of the tests, such as docker.")
    ] = None,
    feature: Annotated[
        str | None, typer.Option(help="The external ID of the feature that was built.")
    ] = None,
    create_tests: Annotated[
        bool, typer.Option("--create-tests", help="Create tests that the project has not.")
    ] = False,
) -> None:
    """Report a build, its test results, coverage and scans to the gateway."""
    fields = {
        "projectId": project,
        "buildNumber": build_number,
        "versionTag": version_tag,
        "gitCommitHash": commit,
        "gitBranch": branch,
        "status": status,
        "codeCoveragePercent": coverage,
        "executionEnvironment": environment,
        "feature": feature,
        "unknownTests": "CREATE" if create_tests else None,
    }
    files = {"junit": junit, "results": results, "sarif": sarif, "cyclonedx": cyclonedx}
    sent = {name: str(value) for name, value in fields.items() if value is not None}
    opened = [(name, path) for name, paths in files.items() for path in paths or ()]
    _print(_send(url, key, sent, opened))


def _send(
    url: str, key: str, fields: Mapping[str, str], files: Iterable[tuple[str, Path]]
) -> dict[str, Any]:
    """Send a report, and return the outcome. Raises Problem when the gateway refuses it."""
    import httpx2

    from db.problem import Problem

    try:
        parts: Any = [(name, (path.name, path.read_bytes())) for name, path in files]
    except OSError as error:
        message = f"{error.filename} cannot be read: {error.strerror}."
        raise Problem("INVALID", message) from None
    parts += [(name, (None, value)) for name, value in fields.items()]
    try:
        response = httpx2.post(
            f"{url.rstrip('/')}/build-reports",
            files=parts,
            headers={"Authorization": f"Bearer {key}"},
            timeout=SECONDS,
        )
        answer: dict[str, Any] = response.json()
    except (httpx2.HTTPError, ValueError) as error:
        message = f"{url} does not answer ({type(error).__name__})."
        raise Problem("BUSY", message) from None
    if errors := answer.get("errors"):
        extensions = errors[0].get("extensions", {})
        path = ".".join(map(str, extensions.get("field", [])))
        message = f"{path}: {errors[0]['message']}" if path else errors[0]["message"]
        raise Problem(extensions.get("code", "INVALID"), message)
    return answer


def _print(outcome: Mapping[str, Any]) -> None:
    build, tests = outcome["build"], outcome["tests"]
    repeated = ", which was reported before" if outcome["repeated"] else ""
    typer.echo(f"build {build['buildNumber']}: {build['id']}{repeated}")
    for name in ("results", "vulnerabilities", "defects"):
        counted = ", ".join(f"{count} {what}" for what, count in outcome[name].items() if count)
        typer.echo(f"{name}: {counted or 'none'}")
    for name in ("unknown", "unassigned"):
        if names := tests[name]:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            typer.echo(f"tests that are {name}: {', '.join(names[:LISTED])}{more}")
    for note in outcome["notes"]:
        typer.echo(f"note: {note}")
