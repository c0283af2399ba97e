"""Test results of a file in JUnit XML, as build servers write it.

A test case may name its identifier, tags and requirements in `<properties>`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Skipped
from lxml import etree

from db.requirements.testing import ExecutionStatus
from db.text import as_identifier, as_name
from graph.kit.scalars import moment
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.xml import parsed_xml, strip_namespace
from graph.requirements.exchange.model.draft import MAX_NAME_LENGTH, Limits, refused

IDS = frozenset({"id", "test_id", "test_case_id", "test_case", "test_key", "testid", "testcaseid"})
TAGS = frozenset({"tag", "tags"})
REQUIREMENTS = frozenset(
    {"requirement", "requirements", "requirement_id", "req_id", "verifies", "requirementid"}
)
"""The names of properties, in lower case, that hold identifiers."""

MAX_NOTES_LENGTH = 10_000
"""The most characters of a failure's message and text that are kept."""
MAX_DEPTH = 20
"""The most levels of nested suites."""
MAX_REQUIREMENTS = 500
"""The most requirements that one test case may name."""
MAX_SHOWN_LENGTH = 50
"""The most characters of a name that a note shows."""
MAX_SECONDS = 2**31 / 1000
"""Seconds of a test case, at most: its milliseconds are an INTEGER."""
MAX_WORDS = 50
"""The most words of a name among which an identifier is looked for."""

_SPLIT = re.compile(r"[\s,;:()\[\]{}<>|@\"']+")
_LIST = re.compile(r"[,;\s]+")


@dataclass(frozen=True)
class JUnitCase:
    """One `<testcase>`: its names and identifiers, from the surest to the least, and its result."""

    name: str
    """Its class and name: the identifier of a test case that is created of it."""
    title: str
    ids: tuple[str, ...]
    """Identifiers that it may have in the project."""
    requirements: tuple[str, ...]
    """External IDs of the requirements that it says it verifies."""
    status: ExecutionStatus
    notes: str
    at: datetime | None
    seconds: float | None = None
    """The time that it took."""


@dataclass(frozen=True)
class JUnitReport:
    """The content of a file, and what of it was not taken over."""

    suites: int
    cases: Sequence[JUnitCase]
    notes: Sequence[str]


READ = frozenset({"testsuite", "testcase", "properties", "error", "failure", "skipped"})
"""The elements that are read."""
SHOWN = 10
"""The most names in a note."""


@dataclass
class Unread:
    """Counts the parts of a file that are not imported."""

    elements: Counter[str] = field(default_factory=Counter)
    properties: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    def look(self, element: Any) -> None:
        """Count the children of a suite or a test case that are not read."""
        names = (each.tag for each in element._elem if isinstance(each.tag, str))  # noqa: SLF001
        self.elements.update(name for name in names if name not in READ)

    def notes(self) -> list[str]:
        """Return a sentence for each kind of part that is not imported."""
        said = []
        for what, counts in (("elements", self.elements), ("properties", self.properties)):
            if counts:
                named = ", ".join(f"{name} ({n})" for name, n in counts.most_common(SHOWN))
                more = f" and {len(counts) - SHOWN} others" if len(counts) > SHOWN else ""
                said.append(f"Not imported are the {what} {named}{more}.")
        return said + [f"{what} (places: {count})." for what, count in self.parts.items()]


def looks_like_junit(source: Source) -> bool:
    """Return whether the first element of the file is one of JUnit XML."""
    found = re.search(rb"<(?![?!])([\w.:-]+)", source.data[:4_096])
    return found is not None and found[1].rpartition(b":")[2] in (b"testsuites", b"testsuite")


def read_junit(source: Source, limits: Limits) -> JUnitReport:
    """Return the results of a file. Raises INVALID with one sentence about the fault."""
    root = parsed_xml(source, "JUnit XML")
    name = etree.QName(root).localname
    if name not in ("testsuites", "testsuite"):
        raise refused(source.name, f"this is not JUnit XML: its root element is <{name}>.")
    strip_namespace(root)
    suites, cases, unread = 0, list[JUnitCase](), Unread()
    for suite, shared in _suites(source, JUnitXml.fromroot(root), unread):
        suites += 1
        at = _time(suite.timestamp, unread)
        for case in suite.iterchildren(suite.testcase):  # without those of suites within
            if len(cases) == limits.items:
                raise refused(source.name, f"there are more than {limits.items:,} test cases.")
            cases.append(_case(source, case, shared, at, unread))
    return JUnitReport(suites, cases, unread.notes())


Values = tuple[tuple[str, str], ...]
"""Properties: names in lower case, and values."""


def _suites(
    source: Source, above: Iterable[Any], unread: Unread, shared: Values = (), depth: int = 0
) -> Iterator[tuple[Any, Values]]:
    """Yield all suites with their properties and those of the suites around them."""
    if depth == MAX_DEPTH:
        message = f"suites are nested more than {MAX_DEPTH} levels deep."
        raise refused(source.name, message)
    for suite in above:
        unread.look(suite)
        properties = (*shared, *_properties(suite, unread, REQUIREMENTS))
        yield suite, properties
        yield from _suites(source, suite.testsuites(), unread, properties, depth + 1)


def _properties(element: Any, unread: Unread, known: frozenset[str]) -> Values:
    """Return the properties of an element that are `known`."""
    found = element.child(Properties)
    if found is None:
        return ()
    read = []
    for each in found:
        name = re.sub(r"[\s-]+", "_", (each.name or "").lower())
        if name in known:
            read.append((name, (each.value or each._elem.text or "").strip()))  # noqa: SLF001
        else:
            unread.properties[(each.name or "")[:MAX_SHOWN_LENGTH]] += 1
    return tuple(read)


def _case(
    source: Source, case: Any, shared: Values, at: datetime | None, unread: Unread
) -> JUnitCase:
    unread.look(case)
    own = _properties(case, unread, IDS | TAGS | REQUIREMENTS)
    title, name = as_name(case.name or ""), ".".join(filter(None, (case.classname, case.name)))
    name = as_identifier(name)
    if len(name) > MAX_NAME_LENGTH:
        unread.parts[f"A name is cut off after {MAX_NAME_LENGTH} characters"] += 1
    title, name = title[:MAX_NAME_LENGTH], name[:MAX_NAME_LENGTH]
    ids = [value for key, value in own if key in IDS]
    tags = [tag for key, value in own if key in TAGS for tag in _LIST.split(value)]
    words = _SPLIT.split(title)[:MAX_WORDS]
    named = [value for key, value in (*own, *shared) if key in REQUIREMENTS]
    requirements = [part for value in named for part in _LIST.split(value)]
    if len(requirements) > MAX_REQUIREMENTS:
        message = f"{name!r} names more than {MAX_REQUIREMENTS} requirements."
        raise refused(source.name, message)
    for value in (*ids, *requirements):
        if len(value) > MAX_NAME_LENGTH:
            unread.parts[f"An identifier has more than {MAX_NAME_LENGTH} characters"] += 1
    status, notes = _result(case)
    if len(notes) > MAX_NOTES_LENGTH:
        unread.parts[f"The text of a failure is cut off after {MAX_NOTES_LENGTH:,} characters"] += 1
    return JUnitCase(
        name=name or "unnamed",
        title=title or name or "unnamed",
        ids=_identifiers([*ids, name, title, *tags, *words]),
        requirements=_identifiers(requirements),
        status=status,
        notes=notes[:MAX_NOTES_LENGTH],
        at=at,
        seconds=_seconds(case),
    )


def _seconds(case: Any) -> float | None:
    """Return the time that a test case took, unless it is none, or longer than 24 days."""
    try:
        seconds = float(case._elem.get("time", "").replace(",", ""))  # noqa: SLF001
    except ValueError:
        return None
    return seconds if 0 <= seconds < MAX_SECONDS else None


def _identifiers(texts: Iterable[str]) -> tuple[str, ...]:
    read = (as_identifier(text) for text in texts if len(text) <= MAX_NAME_LENGTH)
    return tuple(dict.fromkeys(text for text in read if text))


def _result(case: Any) -> tuple[ExecutionStatus, str]:
    kinds = (
        (Error, ExecutionStatus.ERROR),
        (Failure, ExecutionStatus.FAIL),
        (Skipped, ExecutionStatus.SKIP),
    )
    found = case.result
    for kind, status in kinds:
        if results := [result for result in found if isinstance(result, kind)]:
            return status, _notes(results)
    return ExecutionStatus.PASS, ""


def _notes(results: Iterable[Any]) -> str:
    texts = []
    for result in results:
        message, text = (result.message or "").strip(), (result.text or "").strip()
        texts += [message] if message and not text.startswith(message) else []
        texts += [text] if text else []
    return "\n".join(texts)


def _time(text: str | None, unread: Unread) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        unread.parts["The timestamp of a suite is no time in ISO 8601"] += 1
        return None
