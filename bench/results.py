"""The figures in RESULTS.md: the newest of each part, with its machine and date."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).with_name("RESULTS.md")
SECTION = r"^## {}\n.*?(?=^## |\Z)"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table that is aligned for people who read it as text."""
    cells = [columns, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]

    def line(row: list[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join([line(columns), line(rule), *(line(row) for row in rows)])


def figure(value: float) -> str:
    """Return a number with three significant digits."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".partition("e")[2]))
    return f"{value:,.{digits}f}"


def stamp(seconds: float) -> str:
    """Return the time, commit and machine of a run, for the head of a section."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"*{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}, {_processor()},"
        f" {os.cpu_count()} CPUs, {memory:.0f} GB, Python {platform.python_version()};"
        f" load average at the end {load}; {seconds:.0f} s*"
    )


def keep(title: str, text: str) -> None:
    """Replace the section with this title, or append it."""
    whole = RESULTS.read_text()
    section = f"## {title}\n\n{text.strip()}\n\n"
    pattern = re.compile(SECTION.format(re.escape(title)), re.DOTALL | re.MULTILINE)
    if pattern.search(whole):
        whole = pattern.sub(lambda _: section, whole, count=1)
    else:
        whole = f"{whole.rstrip()}\n\n{section}"
    RESULTS.write_text(f"{whole.rstrip()}\n")


def _commit() -> str:
    """Return the commit, followed by `changed` when the sources differ from it."""
    others = ["--", ".", ":!bench/RESULTS.md"]
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{commit} changed" if _git("status", "--porcelain", *others) else commit


def _git(*arguments: str) -> str:
    run = subprocess.run(
        ["git", *arguments],
        cwd=RESULTS.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.strip()


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
