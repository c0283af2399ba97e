"""The contents of a printed document, as plain values, of which each format is made."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson

from auth.session import ViewerSession
from db.fields import among
from db.requirements.collaboration import EntityType, TraceLink, TraceLinkType
from db.requirements.signatures import Signature, SignatureMeaning
from db.requirements.testing import ExecutionStatus, TestCase, TestExecution
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftRequirement
from graph.requirements.exchange.store.selection import Selection

PASS, NOT_RUN = "pass", "not_run"
BATCH = 2_000
"""Requirements whose tests are read by one statement."""
TIME = "%Y-%m-%d %H:%M UTC"
MAX_DEPTH = 6
"""The deepest level of headings."""


@dataclass
class PrintedTest:
    """A test of a requirement, and the status of its latest execution."""

    id: str
    title: str
    result: str


@dataclass
class PrintedRequirement:
    """A requirement as it is printed."""

    id: str
    name: str
    text: str
    facts: list[tuple[str, str]]
    tests: list[PrintedTest] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def has_passed(self) -> bool:
        """Return whether there are tests, and all have passed."""
        return bool(self.tests) and all(test.result == PASS for test in self.tests)


@dataclass
class PrintedPart:
    """A heading with its number, and what stands beneath it; the first part has no heading."""

    number: str
    name: str
    depth: int
    text: str
    requirements: list[PrintedRequirement] = field(default_factory=list)


@dataclass
class PrintedDocument:
    """A document as it is printed."""

    name: str
    text: str
    parts: list[PrintedPart]


@dataclass
class Report:
    """All that is printed. Dates are texts, and `labels` those of a language."""

    title: str
    subtitle: list[tuple[str, str]]
    language: str
    labels: Mapping[str, str]
    documents: list[PrintedDocument]
    signatures: list[tuple[str, str, str]]
    coverage: list[tuple[str, int]] = field(default_factory=list)

    @property
    def requirements(self) -> list[PrintedRequirement]:
        """Return the requirements of all documents."""
        return [r for d in self.documents for part in d.parts for r in part.requirements]

    def as_json(self) -> bytes:
        """Return the report as JSON."""
        return orjson.dumps(asdict(self))


async def report_of(
    session: ViewerSession,
    draft: Draft,
    selection: Selection,
    title: str,
    subtitle: list[tuple[str, str]],
    language: str,
    labels: Mapping[str, str],
) -> Report:
    """Return what is printed of a draft, with the tests and signatures that the viewer can read."""
    ids = [r.stored.id for d in draft.documents for r in d.requirements if r.stored]
    tests = await _tests(session, selection, ids)
    links: dict[str, list[str]] = defaultdict(list)
    for link in draft.links:
        links[link.source].append(f"{link.type.value.replace('_', ' ')} {link.target}")
    report = Report(
        title,
        subtitle,
        language,
        labels,
        [_document(each, tests, links, labels) for each in draft.documents],
        await _signatures(session, [d.id for d in draft.documents if d.id]),
    )
    printed = report.requirements
    report.coverage = [
        (labels["requirements"], len(printed)),
        (labels["with_tests"], sum(1 for each in printed if each.tests)),
        (labels["passed"], sum(1 for each in printed if each.has_passed)),
        (labels["without_tests"], sum(1 for each in printed if not each.tests)),
    ]
    return report


async def _tests(
    session: ViewerSession, selection: Selection, ids: Sequence[UUID]
) -> dict[UUID, list[PrintedTest]]:
    """Return the tests of requirements: those that were executed, and those that verify them."""
    latest = await _latest(session, selection, ids)
    wanted = list({test for _, test in latest})
    cases: dict[UUID, Any] = {}
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        found = await session.pages(TestCase, "id", part, past=selection.past)
        cases |= {id: page[0] for id, page in found.items()}
    tests: dict[UUID, list[PrintedTest]] = defaultdict(list)
    for (requirement, test), row in latest.items():
        if case := cases.get(test):
            result = ExecutionStatus(row.execution_status).value if row else NOT_RUN
            tests[requirement].append(PrintedTest(case.test_id or "", case.title, result))
    for each in tests.values():
        each.sort(key=lambda test: (test.id, test.title))
    return tests


async def _latest(
    session: ViewerSession, selection: Selection, ids: Sequence[UUID]
) -> dict[tuple[UUID, UUID], Any]:
    """Return the latest execution by requirement and test; None for a test that only verifies."""
    latest: dict[tuple[UUID, UUID], Any] = {}
    is_test = (
        TraceLink.source_type == EntityType.TEST,
        TraceLink.link_type == TraceLinkType.VERIFIES,
    )
    past = selection.past
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        pages = await session.pages(TestExecution, "requirement_id", part, past=past)
        for row in (row for page in pages.values() for row in page):
            key = (row.requirement_id, row.test_id)
            if key not in latest or _newer(row, latest[key]):
                latest[key] = row
        linked = await session.pages(TraceLink, "target_id", part, *is_test, past=past)
        for row in (row for page in linked.values() for row in page):
            latest.setdefault((row.target_id, row.source_id), None)
    return latest


def _newer(row: Any, other: Any) -> bool:
    return (row.executed_at or row.created_at, row.id) > (
        other.executed_at or other.created_at,
        other.id,
    )


async def _signatures(session: ViewerSession, ids: Sequence[UUID]) -> list[tuple[str, str, str]]:
    rows = await session.rows(
        Signature, among(Signature.entity_id, ids), order=(Signature.signed_at,), limit=1_000
    )
    return [
        (
            row.signer_name,
            SignatureMeaning(row.meaning).value,
            row.signed_at.strftime("%Y-%m-%d %H:%M UTC"),
        )
        for row in rows
    ]


def _document(
    document: DraftDocument,
    tests: Mapping[UUID, list[PrintedTest]],
    links: Mapping[str, list[str]],
    labels: Mapping[str, str],
) -> PrintedDocument:
    top = PrintedPart("", "", 0, "")
    parts: dict[str | None, PrintedPart] = {None: top}
    counts: dict[str | None, int] = defaultdict(int)
    found = [top]
    for block in document.blocks:  # depth first, parents before children
        above = parts.get(block.parent) or top
        counts[block.parent] += 1
        number = f"{above.number}.{counts[block.parent]}".lstrip(".")
        text = block.content.get("text")
        depth = min(above.depth + 1, MAX_DEPTH)
        part = PrintedPart(number, block.name, depth, text if isinstance(text, str) else "")
        parts[block.external_id] = part
        found.append(part)
    for requirement in document.requirements:
        part = parts.get(requirement.block) or top
        part.requirements.append(_requirement(requirement, tests, links, labels))
    return PrintedDocument(document.name, document.description or "", found)


def _requirement(
    requirement: DraftRequirement,
    tests: Mapping[UUID, list[PrintedTest]],
    links: Mapping[str, list[str]],
    labels: Mapping[str, str],
) -> PrintedRequirement:
    facts = [
        (labels[name], str(value.value).replace("_", " "))
        for name in ("status", "priority", "level")
        if (value := getattr(requirement, name)) is not None
    ]
    if requirement.tags:
        facts.append((labels["tags"], ", ".join(requirement.tags)))
    facts += [(key, _value(value)) for key, value in requirement.properties.items()]
    id = requirement.external_id or ""
    return PrintedRequirement(
        id,
        requirement.name,
        requirement.description or "",
        facts,
        tests.get(requirement.stored.id, []) if requirement.stored else [],
        links.get(id, []),
    )


def _value(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()
