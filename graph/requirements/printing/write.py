"""The writers of printed documents: HTML, PDF, and the traceability matrix as a workbook."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from openpyxl import Workbook
from openpyxl.styles import Font

from graph.kit.typeset import pdf
from graph.requirements.exchange.formats.xlsx import XLSX
from graph.requirements.exchange.formats.xlsx.writer import cell_of
from graph.requirements.exchange.model.draft import refused
from graph.requirements.exchange.registry import Written
from graph.requirements.printing.report import PrintedRequirement, Report

HERE = Path(__file__).parent
MAX_PDF = 10_000
"""Requirements of a PDF: each takes about 35 kB of memory."""
MAX_TESTS = 2_000
"""Columns of the matrix besides the first; a sheet has 16,384."""
MARKS = {"pass": "✓", "fail": "✗", "error": "!", "skip": "-", "blocked": "■"}
_templates = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def write_html(report: Report) -> Written:
    """Return the report as one page of HTML without scripts or other files."""
    page = _templates.get_template("document.html").render(asdict(report))
    return Written.of(page.encode(), ".html", "text/html")


def write_pdf(report: Report) -> Written:
    """Return the report as a tagged PDF. Raises INVALID for too many rows."""
    if (count := len(report.requirements)) > MAX_PDF:
        message = f"a PDF has at most {MAX_PDF:,} requirements, and these are {count:,}; use HTML."
        raise refused("PDF", message)
    return Written.of(pdf(HERE / "document.typ", report.as_json()), ".pdf", "application/pdf")


def write_matrix(report: Report) -> Written:
    """Return the matrix of requirements and tests: a row and a column for each, with results."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(report.labels["coverage"][:31])
    sheet.freeze_panes = "D2"
    rows = _rows(report)
    tests = {(test.id, test.title): None for _, requirement in rows for test in requirement.tests}
    if len(tests) > MAX_TESTS:
        raise refused("XLSX", f"the matrix has at most {MAX_TESTS:,} tests.")
    labels = report.labels
    header = [labels["document"], labels["requirement"], labels["name"], labels["tests"]]
    header += [" ".join(filter(None, key)) for key in sorted(tests)]
    cells = [cell_of(sheet, text) for text in header]
    for each in cells:
        each.font = Font(bold=True)
    sheet.append(cells)
    for name, requirement in rows:
        results = {(test.id, test.title): test.result for test in requirement.tests}
        values = [name, requirement.id, requirement.name, len(results)]
        values += [_mark(results.get(key), labels) for key in sorted(tests)]
        sheet.append([cell_of(sheet, value) for value in values])
    file = io.BytesIO()
    book.save(file)
    return Written.of(file.getvalue(), ".xlsx", XLSX)


def _rows(report: Report) -> list[tuple[str, PrintedRequirement]]:
    return [
        (document.name, requirement)
        for document in report.documents
        for part in document.parts
        for requirement in part.requirements
    ]


def _mark(result: str | None, labels: Mapping[str, str]) -> str | None:
    return None if result is None else f"{MARKS.get(result, '')} {labels[result]}".strip()


WRITERS = {"html": write_html, "pdf": write_pdf, "matrix": write_matrix}
"""The writer of each format that is printed."""
