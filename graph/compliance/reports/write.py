"""The writers of reports."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from graph.kit.typeset import pdf

HERE = Path(__file__).parent
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that a spreadsheet would run as a formula."""
COLUMNS = (
    "framework",
    "requirement",
    "title",
    "category",
    "status",
    "severity",
    "pages",
    "evidence",
    "recommendation",
)
Report = Mapping[str, Any]
"""The document, the organization, the time, the frameworks, and the results without quotes that
are not verified."""


class Written(NamedTuple):
    """A file: its content, the end of its name, and its media type."""

    content: bytes
    suffix: str
    media_type: str


def write_json(report: Report) -> Written:
    """Return the report as one JSON object."""
    return Written(orjson.dumps(report, option=orjson.OPT_INDENT_2), ".json", "application/json")


def write_csv(report: Report) -> Written:
    """Return the findings as CSV (RFC 4180), a row each, in UTF-8 with a byte order mark."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for finding in report["findings"]:
        evidence = finding["evidence"]
        values = finding | {
            "pages": " ".join(str(each["page"]) for each in evidence),
            "evidence": "\n".join(each["quote"] for each in evidence),
        }
        rows.writerow([_cell(values.get(column)) for column in COLUMNS])
    return Written(text.getvalue().encode("utf-8-sig"), ".csv", "text/csv")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def write_pdf(report: Report) -> Written:
    """Return the report as a tagged PDF."""
    content = pdf(HERE / "report.typ", orjson.dumps(report))
    return Written(content, ".pdf", "application/pdf")


WRITERS: Mapping[str, Callable[[Report], Written]] = {
    "json": write_json,
    "csv": write_csv,
    "pdf": write_pdf,
}
