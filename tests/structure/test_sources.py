"""Properties of the sources as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("db", "auth", "graph", "migrations", "tests", "bench")
LONGEST_FILE = 400
VAGUE = {"utils", "helpers", "common", "manager", "service", "misc", "base_mutation"}


def sources() -> list[Path]:
    return [
        path
        for folder in OURS
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    ]


def test_no_file_is_too_long_to_read():
    lengths = {path: len(path.read_text().splitlines()) for path in sources()}
    assert {str(path): n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_module_has_a_name_that_says_nothing():
    assert [str(path) for path in sources() if path.stem in VAGUE] == []


@pytest.mark.slow
def test_every_module_says_in_its_first_lines_what_it_holds():
    def says(path: Path) -> bool:
        return bool(ast.get_docstring(ast.parse(path.read_text())))

    assert [str(path) for path in sources() if path.read_text() and not says(path)] == []


@pytest.mark.slow
def test_layers_and_products_import_one_way():
    """The contracts stand in pyproject.toml, beside the reasons for them."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_open_in_a_comment(word):
    here = Path(__file__)
    assert [str(p) for p in sources() if p != here and word in p.read_text()] == []
