"""The syntax of Markdown (CommonMark with tables) in which requirements are written and read.

The parser finds the blocks; their lines are taken as they are, so that no text is changed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from db.requirements.collaboration import TraceLinkType

ATTRIBUTE, VALUE = "Attribute", "Value"
"""The header of a table of attributes."""
ATTRIBUTES = frozenset({"attribute", "field", "property", "key"})
"""First cells of headers that a table of attributes may have."""
FIELDS = {
    "Status": "status",
    "Priority": "priority",
    "Level": "level",
    "Format": "format",
    "Tags": "tags",
}
"""The attributes that are fields of a requirement. Others are trace links or properties."""
LINKS = {each: each.value.replace("_", " ").capitalize() for each in TraceLinkType}
"""The attributes that hold trace links, whose targets are spans of code."""
DEEPEST = 6
"""The deepest level of a heading."""
MORE = re.compile(r"<!-- gateway (\{.*\}) -->\s*")
"""The comment of the gateway: an object in JSON of what Markdown cannot hold."""
QUOTED = "quoted"
"""How the text below a comment is written, if not as it is."""
PART = 5_000
"""Lines that are parsed together."""
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
LONGEST = 10_000
"""Characters of a heading or a cell that are parsed; a longer one is taken as it is."""
_PLAIN = re.compile(r"[^\s\\`*_\[\]<>&~|#]([^\\`*_\[\]<>&~|#\x00-\x1f]*[^\s\\`*_\[\]<>&~|#])?")
"""Texts of a heading or a cell that need no escape."""
_SPECIAL = re.compile(r"[\\`*\[\]<>&~|#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINES = re.compile(r"[^\W\d_].*(\n[^\W\d_].*)*")
"""Texts that are one paragraph: each line begins with a letter."""
_CODE = re.compile(r"[^\s`|\\\x00-\x1f]([^`|\\\x00-\x1f]*[^\s`|\\\x00-\x1f])?")


@dataclass(frozen=True)
class Cell:
    """A heading or a cell: its text, and the spans of code in it.

    `rest` is the text after a span of code at the beginning, and None without one.
    """

    text: str
    codes: list[str] = field(default_factory=list)
    rest: str | None = None
    is_list: bool = False
    """True for a list of code spans."""


@cache
def _blocks() -> MarkdownIt:
    """Return the parser of blocks, which leaves the text within them alone."""
    parser = MarkdownIt("commonmark").enable("table").disable("reference")
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


@cache
def _inline() -> MarkdownIt:
    return MarkdownIt("commonmark")


def blocks(text: str) -> list[Token]:
    """Return the blocks of a text."""
    return _blocks().parse(text)


def parts_of(lines: Sequence[str]) -> Iterator[tuple[int, list[Token]]]:
    """Yield the blocks of a file in parts, with the first line of each, to need less memory.

    A part ends before a heading, unless that is within another block, such as a fence.
    """
    first, size = 0, PART
    while first < len(lines):
        end = first + size
        while end < len(lines) and not _HEADING.match(lines[end]):
            end += 1
        found = blocks("\n".join(lines[first : end + 1]))
        last = [each.map[0] for each in found if each.map and not each.level][-1:]
        is_end = end >= len(lines) or (last == [end - first] and found[-1].type == "heading_close")
        if not is_end:
            size *= 2
            continue
        yield first, found if end >= len(lines) else found[:-3]
        first, size = end, PART


def cell(source: str) -> Cell:
    """Return a heading or a cell as it is read."""
    if len(source) > LONGEST or _PLAIN.fullmatch(source):
        return Cell(source)
    children = _inline().parseInline(source)[0].children or []
    is_code = [each.type == "code_inline" for each in children]
    contents = [each.content for each in children]
    codes = [content for content, code in zip(contents, is_code, strict=True) if code]
    between = "".join(content for content, code in zip(contents, is_code, strict=True) if not code)
    rest = "".join(contents[1:]) if is_code[:1] == [True] else None
    is_list = bool(codes) and not between.replace(",", "").strip()
    return Cell("".join(contents), codes, rest, is_list)


def escaped(text: str) -> str | None:
    """Return a text as a heading or a cell holds it; None if they cannot."""
    if _PLAIN.fullmatch(text):
        return text
    if not text or "\n" in text or len(text) > LONGEST // 2:
        return None
    source = _SPECIAL.sub(r"\\\g<0>", text)
    return source if source == source.strip() and cell(source) == Cell(text) else None


def coded(text: str) -> str | None:
    """Return a text as a span of code; None if a heading or a cell cannot hold it."""
    return f"`{text}`" if _CODE.fullmatch(text) and len(text) < LONGEST else None


def comment(values: Mapping[str, Any]) -> str:
    """Return values as a comment, in which nothing ends it."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    text = text.replace("--", "-\\u002d").replace(">", "\\u003e")
    return f"<!-- gateway {text} -->"


def quoted(text: str) -> str:
    """Return a text as a quotation, which holds any lines."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def unquoted(lines: Sequence[str]) -> str:
    """Return the text of a quotation."""
    return "\n".join(line[1:].removeprefix(" ") for line in lines if line.startswith(">"))


def is_free(text: str) -> bool:
    """Return whether a text is read back as it is when it stands between two headings."""
    if "\r" in text or "\0" in text:
        return False
    if _LINES.fullmatch(text):
        return True
    lines = text.split("\n")
    if not lines[0].strip() or not lines[-1].strip() or MORE.fullmatch(lines[0]):
        return False
    found = blocks(f"{text}\n\n# x\n")
    headings = [each.map for each in found if each.type == "heading_open" and not each.level]
    starts = [each[0] for each in headings if each]
    return starts == [len(lines) + 1] and found[0].type != "table_open"


def rows_of(found: Sequence[Token], start: int) -> Iterator[list[str]]:
    """Yield the rows of the table that begins at a token, the header first."""
    row: list[str] = []
    for index in range(start + 1, len(found)):
        token = found[index]
        if token.type == "table_close":
            return
        if token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append(token.content)
        elif token.type == "tr_close":
            yield row
