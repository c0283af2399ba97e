"""The writers of the SOC 2 report: JSON and PDF with samples, and CSV with a row per control."""

import csv
import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from graph import VERSION
from graph.kit.typeset import pdf

TEMPLATE = Path(__file__).with_name("report.typ")
COLUMNS = (
    *("control", "title", "eventCount", "failureCount", "highRiskCount", "actorCount"),
    *("firstAt", "lastAt"),
)
Report = Mapping[str, Any]
"""The organization, its latest verification, and the report of the API."""


class Format(NamedTuple):
    """A format of files: its media type, and its writer."""

    media_type: str
    write: Callable[[Report], bytes]


def report_in(data: Mapping[str, Any]) -> Report:
    """Return the report in the data of `READ`."""
    organization = dict(data["organization"])
    verified = organization.pop("auditVerifications")["nodes"]
    return {
        "format": "gateway soc2 report 1",
        "gateway": VERSION,
        "organization": organization,
        "verification": verified[0] if verified else None,
        "report": data["soc2Report"],
    }


def write_json(report: Report) -> bytes:
    """Return canonical JSON: sorted keys, and no white space."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_csv(report: Report) -> bytes:
    """Return a table with a row per control (RFC 4180), in UTF-8."""
    text = StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    table.writeheader()
    table.writerows(report["report"]["controls"])
    return text.getvalue().encode()


def write_pdf(report: Report) -> bytes:
    """Return a tagged PDF: the controls, and the samples of each with their hashes."""
    return pdf(TEMPLATE, write_json(report))


FORMATS: Mapping[str, Format] = {
    "json": Format("application/json", write_json),
    "csv": Format("text/csv; charset=utf-8", write_csv),
    "pdf": Format("application/pdf", write_pdf),
}
