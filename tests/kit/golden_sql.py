"""The SQL that the engine sends, in a legible form, beside golden files."""

import os
import re
from pathlib import Path
from textwrap import fill

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"
BREAKS = re.compile(
    r"\s+(?=(?:FROM|WHERE|ORDER BY|GROUP BY|LIMIT|UNION(?: ALL)?|INTERSECT|(?:LEFT OUTER )?JOIN"
    r"|AND|OR|SELECT)\b)"
)
COLUMNS = re.compile(r"\b(\w+)\.\w+(?: AS \w+)?(?:,\s+\1\.\w+(?: AS \w+)?){3,}")
"""More columns of one table than a statement needs for itself: all that a type shows."""


def assert_reviewed(name: str, text: str) -> None:
    """Fail unless this is the text of a golden file; GATEWAY_WRITE_GOLDEN writes it instead."""
    golden = GOLDEN / name
    if os.environ.get("GATEWAY_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def legible(sql: str) -> str:
    """Return the sent statement with a clause or condition a line, and without lists of columns.

    The columns of a type prove nothing about a statement, and would change with each new one.
    """
    lines, depth = [], 0
    short = COLUMNS.sub(r"\1.(...)", sql)
    for clause in BREAKS.sub("\n", short.strip()).splitlines():
        text = clause.strip()
        margins = {"initial_indent": "  " * depth, "subsequent_indent": "  " * (depth + 2)}
        # Text without a list stays on one line; a list is broken between its items.
        tied = re.sub(r"(?<!,) ", "\N{NO-BREAK SPACE}", text)
        lines.append(fill(tied, 100, **margins, break_long_words=False, break_on_hyphens=False))
        depth += text.count("(") - text.count(")")
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")
