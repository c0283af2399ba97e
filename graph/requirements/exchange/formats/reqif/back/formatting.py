"""A changed text in the XHTML of its old one: what did not change keeps its formatting.

Blocks (paragraphs, lists, tables) whose lines are all unchanged keep their bytes. In a changed
block, words that stay keep their inline formatting, and new ones take that of the word before
them. The result is read again, and counts only if it says the new text.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from lxml import etree

from graph.requirements.exchange.files.nodes import Element, elements
from graph.requirements.exchange.files.xml import OPTIONS
from graph.requirements.exchange.formats.reqif.attributes import ILLEGAL
from graph.requirements.exchange.formats.reqif.back.markup import Markup, legal
from graph.requirements.exchange.formats.reqif.writer import read_back
from graph.requirements.exchange.formats.reqif.xhtml import LINES, plain_text

_WORD = re.compile(r"\S+")
ALIKE = 0.5
"""The share of a line that stays if it is taken for a changed one, and not for a new one."""
LONGEST = 20_000
"""Characters of a text that is compared; a longer one loses its formatting."""


def reformatted(value: bytes, text: str, markup: Markup) -> str | None:
    """Return the markup of a value (ATTRIBUTE-VALUE-XHTML) with another text.

    None if its formatting cannot be kept.
    """
    if len(value) > 4 * LONGEST or len(text) > LONGEST:
        return None
    found = _container(value, markup)
    if found is None:
        return None
    wanted = read_back(text)
    inside = _inside(value, found, wanted, markup)
    close = value.rfind(b"</", found[1].opened, found[1].end)
    if inside is None or close < 0:
        return None
    new = value[: found[1].opened] + inside.encode() + value[close:]
    again = _parsed(new, markup)
    return new.decode() if again is not None and plain_text(again) == wanted else None


def _parsed(value: bytes, markup: Markup) -> Any:
    """Return the THE-VALUE of a value, or None."""
    try:
        root = etree.fromstring(markup.within(value), etree.XMLParser(**OPTIONS))
    except etree.XMLSyntaxError:
        return None
    return next((each for each in root[0] if _name(each) == "THE-VALUE"), None)


def _inside(value: bytes, found: tuple[Any, Element], text: str, markup: Markup) -> str | None:
    """Return what is within the container of a text, with another text."""
    if blocks := _blocks(value, *found):
        lines = text.split("\n") if text else []
        last, close = found[1].children[-1], value.rfind(b"</", 0, found[1].end)
        return "".join(_written(blocks, lines, markup)) + value[last.end : close].decode()
    changed = _with_words(found[0], text)
    return None if changed is None else markup.inside_of(changed)


@dataclass
class _Block:
    """A part of a text: its element, its bytes, and its lines."""

    element: Any
    raw: str
    lines: list[str]


def _container(value: bytes, markup: Markup) -> tuple[Any, Element] | None:
    """Return the innermost element that has all of a text, with its place."""
    holder = _parsed(value, markup)
    place = next((one for one in elements(value, None).children if one.name == "THE-VALUE"), None)
    if holder is None or place is None:
        return None
    while len(holder) == 1 and _name(holder[0]) == "div" and not _has_text(holder):
        holder, place = holder[0], place.children[0]
    return holder, place


def _has_text(holder: Any) -> bool:
    """Return whether an element has text of its own between its children."""
    texts = [holder.text, *(each.tail for each in holder)]
    return any(text and text.strip() for text in texts)


def _blocks(value: bytes, holder: Any, place: Element) -> list[_Block]:
    """Return the blocks of a text, or none if it has other parts as well."""
    if _has_text(holder) or not all(_name(each) in LINES for each in holder):
        return []
    if len(holder) != len(place.children):
        return []
    found: list[_Block] = []
    at = place.opened
    for element, where in zip(holder, place.children, strict=True):
        said = _said(element)
        raw = value[at : where.end].decode()  # with the white space before it
        found.append(_Block(element, raw, said.split("\n") if said else []))
        at = where.end
    every = "\n".join(line for each in found for line in each.lines)
    return found if every == plain_text(holder) else []


def _written(blocks: Sequence[_Block], lines: Sequence[str], markup: Markup) -> Iterator[str]:
    """Yield the markup of lines: blocks as they were, changed ones, and new ones."""
    old = [line for each in blocks for line in each.lines]
    same = SequenceMatcher(None, old, lines, autojunk=False).get_matching_blocks()
    at, done = 0, 0
    waiting: list[_Block] = []
    for block in blocks:
        start, at = at, at + len(block.lines)
        new = next(
            (one.b + start - one.a for one in same if one.a <= start and at <= one.a + one.size),
            None,
        )
        if new is None or not block.lines or new < done:
            waiting.append(block)
            continue
        yield from _between(waiting, lines[done:new], markup, block)
        waiting = []
        yield block.raw
        done = new + len(block.lines)
    yield from _between(waiting, lines[done:], markup, blocks[-1])


def _between(
    blocks: Sequence[_Block], lines: Sequence[str], markup: Markup, other: _Block
) -> Iterator[str]:
    """Yield the markup of the lines in the place of blocks that differ."""
    left = [*lines]
    for block in blocks:
        size = len(block.lines)
        if not size:
            yield block.raw
            continue
        before = "\n".join(block.lines)
        at = next((n for n in range(len(left)) if _is_alike(before, left[n : n + size])), None)
        if at is None:
            continue
        changed = _with_words(block.element, "\n".join(left[at : at + size]))
        if changed is None:
            continue
        yield from (_new(line, block) for line in left[:at])
        yield _space(block) + markup.of(changed)
        del left[: at + size]
    example = blocks[-1] if blocks else other
    yield from (_new(line, example) for line in left)


def _is_alike(before: str, lines: Sequence[str]) -> bool:
    one, other = (_WORD.findall(text) for text in (before, "\n".join(lines)))
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE


def _new(line: str, example: _Block) -> str:
    """Return a new paragraph, in the manner of another one."""
    tag = "div" if _name(example.element) == "div" else "p"
    prefix = example.element.prefix
    name = f"{prefix}:{tag}" if prefix else tag
    return f"{_space(example)}<{name}>{legal(line)}</{name}>"


def _space(block: _Block) -> str:
    """Return the white space before a block."""
    return block.raw[: len(block.raw) - len(block.raw.lstrip())]


@dataclass
class _Word:
    """A word of a text node: the node, whether it is a tail, and its place."""

    owner: Any
    part: str
    start: int
    text: str


def _words(element: Any) -> Iterator[_Word]:
    """Yield the words of an element, in the order of its text."""
    for part, owner in _texts(element):
        for found in _WORD.finditer(getattr(owner, part) or ""):
            yield _Word(owner, part, found.start(), found[0])


def _texts(element: Any) -> Iterator[tuple[str, Any]]:
    yield "text", element
    for child in element:
        if isinstance(child.tag, str):
            yield from _texts(child)
        yield "tail", child


def _with_words(element: Any, text: str) -> Any:
    """Return a copy of an element with the words of a text; None if it cannot say it."""
    element = copy.deepcopy(element)
    element.tail = None
    before = _said(element)
    nodes = [*_words(element)]
    old, new = _WORD.findall(before), _WORD.findall(text)
    # The words that are in the markup; others, such as bullets, are made when it is read.
    places: dict[int, _Word] = {}
    for here, there, size in SequenceMatcher(
        None, old, [each.text for each in nodes], autojunk=False
    ).get_matching_blocks():
        places |= {here + n: nodes[there + n] for n in range(size)}
    edits: list[tuple[_Word, str | None]] = []
    for kind, start, end, first, last in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            continue
        given = " ".join(new[first:last])
        if kind == "insert":
            anchor, is_after = places.get(start - 1), True
            if anchor is None:
                anchor, is_after = places.get(start), False
            if anchor is None:
                return None
            joined = f"{anchor.text} {given}" if is_after else f"{given} {anchor.text}"
            edits.append((anchor, joined))
            continue
        if any(n not in places for n in range(start, end)):
            return None
        edits += [(places[n], given or None if n == start else None) for n in range(start, end)]
    _edit(edits)
    return element if _said(element) == text else None


def _edit(edits: Sequence[tuple[_Word, str | None]]) -> None:
    """Replace words, from the last to the first of each text."""
    for word, by in sorted(edits, key=lambda one: -one[0].start):
        text = getattr(word.owner, word.part) or ""
        end = word.start + len(word.text)
        if by is None:
            after = text[end:]
            before = text[: word.start]
            is_between = before[-1:].isspace() and (after[:1].isspace() or not after)
            text = (before.rstrip() if is_between else before) + after
        else:
            text = text[: word.start] + ILLEGAL.sub("", by) + text[end:]
        setattr(word.owner, word.part, text)


def _said(element: Any) -> str:
    """Return the text of an element alone."""
    holder = etree.Element("holder")
    holder.append(copy.deepcopy(element))
    holder[0].tail = None
    return plain_text(holder)


def _name(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
