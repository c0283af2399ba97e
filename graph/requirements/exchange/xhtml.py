"""The text of an XHTML value, line by line: what ReqIF stores as markup, read as plain text."""

import re
from typing import Any

LINES = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "address", "hr"}
    | {"ol", "ul", "li", "dl", "dt", "dd", "table", "tr", "center"}
)
"""Elements that begin and end a line."""

_SPACE = re.compile(r"[ \t\r\n\f]+")


def plain_text(value: Any) -> str:
    """The text of an element's children (of lxml), one line for every block of the markup.

    White space is that of a browser: runs of it are one space, except in `pre`. Items of lists
    begin with a hyphen or their number, cells of a table are parted by tabs, and an embedded
    object shows its text, or its file's name in brackets.
    """
    text = _Text()
    text.inside(value)
    return text.whole()


class _Text:
    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.numbers: list[int | None] = []
        self.kept = 0
        self.cells = 0
        self.in_cell = 0

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
        elif name == "img":
            self.say(f"[{element.get('alt') or element.get('src') or 'image'}]")
        elif name == "object" and not "".join(element.itertext()).strip():
            self.say(f"[{element.get('name') or element.get('data') or 'object'}]")
        else:
            self.begin(name)
            self.inside(element)
            self.end(name)

    def begin(self, name: str) -> None:
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
                self.numbers.append(0 if name == "ol" else None)
            case "li":
                self.lines[-1] += self.bullet()
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
            self.new_line()

    def new_line(self) -> None:
        if self.in_cell:
            self.say(" ")
        elif self.lines[-1]:
            self.lines.append("")

    def bullet(self) -> str:
        indent = "  " * max(len(self.numbers) - 1, 0)
        if not self.numbers or self.numbers[-1] is None:
            return f"{indent}- "
        self.numbers[-1] += 1
        return f"{indent}{self.numbers[-1]}. "

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
        self.lines[-1] += text
