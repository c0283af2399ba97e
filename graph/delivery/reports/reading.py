"""The reading of a report: the fields of a form, and files in JUnit XML, JSON, SARIF, CycloneDX."""

from collections.abc import Mapping, Sequence, Sized
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from db.delivery.testing import FeatureTestOutcome
from db.problem import Problem
from db.requirements.testing import ExecutionStatus
from db.text import as_identifier, fault_in
from graph.delivery.reports.report import (
    MAX_FINDINGS,
    MAX_RESULTS,
    BuildFields,
    Finding,
    Report,
    Result,
    SentResult,
)
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits

if TYPE_CHECKING:
    from graph.requirements.exchange.formats.junit.reader import JUnitCase

FILES = ("junit", "results", "sarif", "cyclonedx")
"""The fields of the form that are files, each of which may be sent several times."""
SCANS = frozenset({"sarif", "cyclonedx"})
OUTCOMES = {
    ExecutionStatus.PASS: FeatureTestOutcome.PASSED,
    ExecutionStatus.FAIL: FeatureTestOutcome.FAILED,
    ExecutionStatus.SKIP: FeatureTestOutcome.SKIPPED,
    ExecutionStatus.ERROR: FeatureTestOutcome.ERROR,
}
MAX_NAMES = 8
"""The most names of a result in JUnit XML among which its test is looked for."""
_RESULTS = TypeAdapter(list[SentResult])


class Sent(NamedTuple):
    """A file of a form: the field, and its content."""

    field: str
    content: bytes


def read_report(fields: Mapping[str, str], files: Sequence[Sent]) -> Report:
    """Return a report. Raises INVALID with the path of the field or the member at fault."""
    for name, text in fields.items():
        if fault := fault_in(text):
            raise Problem("INVALID", fault, field=[name])
    try:
        build = BuildFields.model_validate({k: v for k, v in fields.items() if v != ""})
    except ValidationError as error:
        raise _refused((), error) from None
    results: list[Result] = []
    notes: list[str] = []
    findings: dict[object, Finding] = {}
    for field, content in files:
        if field == "junit":
            read, said = _of_junit(content)
            results += read
            notes += said
        elif field == "results":
            results += _of_json(content)
        elif field in FILES:
            findings |= {one.key: one for one in _scanned(field, content)}
        else:
            raise Problem("INVALID", f"Files are sent as {', '.join(FILES)}.", field=[field])
    _require_at_most(MAX_RESULTS, results, "results")
    _require_at_most(MAX_FINDINGS, findings, "findings")
    is_scanned = any(field in SCANS for field, _ in files)
    found = [*findings.values()] if is_scanned else None
    return Report(build, _digest(fields, files), results, found, notes)


def _require_at_most(most: int, rows: Sized, named: str) -> None:
    if len(rows) > most:
        raise Problem("INVALID", f"A report has at most {most:,} {named}.", field=[named])


def _digest(fields: Mapping[str, str], files: Sequence[Sent]) -> bytes:
    """Return the SHA-256 of the fields and files, each with its length."""
    whole = sha256()
    for name, value in (
        *sorted((name, text.encode()) for name, text in fields.items()),
        *files,
    ):
        for part in (name.encode(), value):
            whole.update(len(part).to_bytes(8) + part)
    return whole.digest()


def _refused(within: tuple[str, ...], error: ValidationError) -> Problem:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return Problem("INVALID", f"{first['msg']}.", field=[*within, *first["loc"]])


def _of_json(content: bytes) -> list[Result]:
    try:
        sent = _RESULTS.validate_json(content)
    except ValidationError as error:
        raise _refused(("results",), error) from None
    return [_of_sent(number, one) for number, one in enumerate(sent)]


def _of_sent(number: int, one: SentResult) -> Result:
    texts = {
        name: text
        for name in ("test", "name", "feature", "error_message", "error_stacktrace")
        if (text := getattr(one, name)) is not None
    }
    for name, text in texts.items():
        if fault := fault_in(text):
            raise Problem("INVALID", fault, field=["results", number, name])
    test = as_identifier(one.test)
    if not test:
        raise Problem("INVALID", "Must not be blank.", field=["results", number, "test"])
    values: dict[str, Any] = one.model_dump(exclude={"test", "name", "feature", "status"})
    return Result(
        names=(test,),
        title=one.name or one.test,
        status=FeatureTestOutcome[one.status],
        features=(as_identifier(one.feature),) if one.feature else (),
        **values,
    )


def _of_junit(content: bytes) -> tuple[list[Result], Sequence[str]]:
    from graph.requirements.exchange.formats.junit.reader import read_junit  # noqa: PLC0415 (6 MB)

    try:
        read = read_junit(Source("junit", content), Limits(items=MAX_RESULTS))
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=["junit"]) from None
    return [_of_case(case) for case in read.cases], read.notes


def _of_case(case: "JUnitCase") -> Result:
    milliseconds = round(case.seconds * 1000) if case.seconds is not None else None
    return Result(
        names=tuple(dict.fromkeys([*case.ids[:MAX_NAMES], case.name])),
        title=case.title,
        status=OUTCOMES[case.status],
        features=case.requirements,
        duration_ms=milliseconds,
        error_message=case.notes or None,
        executed_at=case.at,
    )


def _scanned(field: str, content: bytes) -> list[Finding]:
    """Return the findings of a scan; its libraries are imported by who needs them."""
    from graph.delivery.reports import scans  # noqa: PLC0415 (half a second)

    return (scans.read_sarif if field == "sarif" else scans.read_cyclonedx)(field, content)
