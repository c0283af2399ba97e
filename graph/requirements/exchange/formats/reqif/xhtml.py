"""The text of an XHTML value, line by line: markup stored by ReqIF, read as plain text."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

LINES = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "address", "hr"}
    | {"ol", "ul", "li", "dl", "dt", "dd", "table", "caption", "tr", "center"}
)
"""Elements that begin and end a line."""

INLINE = frozenset(
    {"span", "ins", "td", "th", "thead", "tbody", "tfoot", "col", "colgroup"}
    | {"b", "strong", "i", "em", "u", "big", "small", "tt", "code", "font", "q", "cite", "dfn"}
    | {"abbr", "acronym", "samp", "kbd", "var", "bdo", "label"}
    | {"math", "semantics", "mrow", "mstyle", "mi", "mn", "mo", "mtext"}
)
"""Other elements of which only the text is used."""

STRUCK_OUT = frozenset({"del", "s", "strike"})

HIDDEN = frozenset({"annotation", "annotation-xml"})
"""Elements of MathML whose content is for other programs."""

SUPERSCRIPTS = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
SUBSCRIPTS = str.maketrans("0123456789+-\u2212=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")

_SPACE = re.compile(r"[ \t\r\n\f]+")
_LINE_THROUGH = re.compile(r"text-decoration[^;]*line-through", re.IGNORECASE)


def plain_text(value: Any, unread: Counter[str] | None = None) -> str:
    """Return the text of an element's children (of lxml), a line for each block of the markup.

    White space is that of a browser: runs of it are one space, except in `pre`. Items of lists
    begin with a hyphen or their number, cells of a table are parted by tabs. Markup that carries
    meaning is written out: `10⁶` and `x^(a+b)` for superscripts, `H₂O` and `x_i` for subscripts,
    `[deleted: 40]` for struck-out text, and the address of a link or an embedded file behind
    its text. Names of elements that are not known are counted in `unread`; their text is kept.
    """
    text = _Text(Counter() if unread is None else unread)
    text.inside(value)
    return text.whole()


class _Text:
    def __init__(self, unread: Counter[str]) -> None:
        self.unread = unread
        self.lines: list[str] = [""]
        self.numbers: list[int | None] = []
        self.kept = 0
        self.cells = 0
        self.in_cell = 0
        self.after_bullet = False

    def whole(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")

    def inside(self, element: Any) -> None:
        self.say(element.text)
        for child in element:
            if isinstance(child.tag, str):  # neither a comment nor a processing instruction
                self.element(child, child.tag.rpartition("}")[2].lower())
            self.say(child.tail)

    def element(self, element: Any, name: str) -> None:
        if name == "br":
            self.lines.append("")
        elif name in STRUCK_OUT or _LINE_THROUGH.search(element.get("style") or ""):
            self.say(f"[deleted: {self.part(element)}]")
        elif name in PAIRS and len(element) == 2:  # noqa: PLR2004 (a pair)
            self.say(PAIRS[name](*(self.part(part) for part in element)))
        elif name in WRITTEN_OUT:
            self.say(WRITTEN_OUT[name](element, self.part(element)))
        elif name not in HIDDEN:
            self.container(element, name)

    def container(self, element: Any, name: str) -> None:
        if name not in LINES and name not in INLINE:
            self.unread[name] += 1
        self.begin(element, name)
        self.inside(element)
        self.end(name)

    def part(self, element: Any) -> str:
        """Return the text of an element by itself, in one line."""
        part = _Text(self.unread)
        part.inside(element)
        return " ".join(part.whole().split())

    def begin(self, element: Any, name: str) -> None:
        if name in LINES:
            self.new_line()
        match name:
            case "tr":
                self.cells = 0
            case "td" | "th":
                self.lines[-1] += "\t" if self.cells else ""
                self.cells += 1
                self.in_cell += 1
            case "ol" | "ul":
                self.numbers.append(_number(element.get("start"), 1) - 1 if name == "ol" else None)
            case "li":
                self.lines[-1] += self.bullet(element)
                self.after_bullet = True
            case "pre":
                self.kept += 1

    def end(self, name: str) -> None:
        match name:
            case "td" | "th":
                self.in_cell -= 1
            case "ol" | "ul":
                self.numbers.pop()
            case "pre":
                self.kept -= 1
        if name in LINES:
            self.after_bullet = False
            self.new_line()

    def new_line(self) -> None:
        if self.in_cell:
            self.say(" ")
        elif self.lines[-1] and not self.after_bullet:
            self.lines.append("")

    def bullet(self, element: Any) -> str:
        indent = "  " * max(len(self.numbers) - 1, 0)
        if not self.numbers or self.numbers[-1] is None:
            return f"{indent}- "
        self.numbers[-1] = number = _number(element.get("value"), self.numbers[-1] + 1)
        return f"{indent}{number}. "

    def say(self, text: str | None) -> None:
        if not text:
            return
        if self.kept:
            first, *others = text.replace("\r\n", "\n").split("\n")
            self.lines[-1] += first
            self.lines.extend(others)
            return
        text = _SPACE.sub(" ", text)
        if not self.lines[-1] or self.lines[-1].endswith((" ", "\t")):
            text = text.lstrip(" ")
        if text:
            self.after_bullet = False
        self.lines[-1] += text


def _image(element: Any, _text: str) -> str:
    return f"[{element.get('alt') or element.get('src') or 'image'}]"


def _object(element: Any, text: str) -> str:
    file = element.get("data")
    if not text:
        return f"[{element.get('name') or file or 'object'}]"
    return f"{text} [{file}]" if file and file not in text else text


def _link(element: Any, text: str) -> str:
    address = (element.get("href") or "").strip()
    leads_out = address and not address.startswith("#") and address not in text
    return " ".join(filter(None, (text, f"({address})" if leads_out else "")))


def _superscript(text: str) -> str:
    """Return the text in Unicode's superscripts where all exist, otherwise behind a `^`."""
    fits = all(ord(character) in SUPERSCRIPTS for character in text)
    return text.translate(SUPERSCRIPTS) if fits else f"^{_grouped(text)}"


def _subscript(text: str) -> str:
    """Return the text in Unicode's subscripts where all exist, otherwise behind a `_`."""
    fits = all(ord(character) in SUBSCRIPTS for character in text)
    return text.translate(SUBSCRIPTS) if fits else f"_{_grouped(text)}"


def _grouped(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"


WRITTEN_OUT: dict[str, Callable[[Any, str], str]] = {
    "img": _image,
    "object": _object,
    "a": _link,
    "sup": lambda _, text: _superscript(text),
    "sub": lambda _, text: _subscript(text),
    "msqrt": lambda _, text: f"√({text})",
    "mfenced": lambda _, text: f"({text})",
}
"""The writers of elements whose meaning goes into the text, given the element and its text."""

PAIRS: dict[str, Callable[[str, str], str]] = {
    "msup": lambda base, exponent: base + _superscript(exponent),
    "msub": lambda base, index: base + _subscript(index),
    "mfrac": lambda above, below: f"{_grouped(above)}/{_grouped(below)}",
}
"""The writers of MathML's elements that have two parts."""


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return otherwise
