"""The hierarchy of a specification after its objects were moved, added or removed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graph.requirements.exchange.files.nodes import Element, Splices, elements
from graph.requirements.exchange.formats.reqif.back.markup import Markup

NODES = frozenset({"SPEC-HIERARCHY", "CHILDREN", "SPEC-OBJECT-REF"})


@dataclass
class Outline:
    """The objects of a specification by the object above them; None for the specification.

    Requirements come before headings where a row says nothing about their order.
    """

    leaves: dict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))
    branches: dict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))

    def is_as(self, other: "Outline", above: str | None) -> bool:
        """Return whether both have the same objects in the same order, directly above which."""
        return all(
            mine.get(above, []) == theirs.get(above, [])
            for mine, theirs in ((self.leaves, other.leaves), (self.branches, other.branches))
        )

    def beneath(self, above: str | None, order: Iterable[str]) -> list[str]:
        """Return what is directly beneath an object, mixed as in the former order."""
        leaves, branches = self.leaves.get(above, []), self.branches.get(above, [])
        is_branch = set(branches)
        here = {*leaves, *branches}
        slots = [name in is_branch for name in order if name in here]
        for names, kind in ((leaves, False), (branches, True)):
            missing = len(names) - slots.count(kind)
            if missing > 0:
                # Behind the last of its kind, or before all headings.
                last = max((i for i, slot in enumerate(slots) if slot is kind), default=None)
                at = last + 1 if last is not None else (len(slots) if kind else 0)
                slots[at:at] = [kind] * missing
        rest = {False: iter(leaves), True: iter(branches)}
        return [next(rest[kind]) for kind in slots]


class Hierarchy:
    """Writes the hierarchy of one specification again, where it differs."""

    def __init__(
        self, splices: Splices, markup: Markup, specification: Element, new_ids: Iterable[str]
    ) -> None:
        self.splices, self.markup = splices, markup
        if specification.end:
            start, end = specification.start, specification.end
            specification = elements(splices.data, NODES, start, end)
        self.specification, self._new_ids = specification, iter(new_ids)
        self.nodes: dict[str, Element] = {}
        """The first place of each object."""
        for node in specification.all("SPEC-HIERARCHY"):
            reference = next((c for c in node.children if c.name == "SPEC-OBJECT-REF"), None)
            if reference:
                self.nodes.setdefault(reference.text.strip(), node)
        self.old, self.new = Outline(), Outline()
        self._same: dict[str, bool] = {}
        self.names = {id(node): name for name, node in self.nodes.items()}

    def write(self, old: Outline, new: Outline) -> None:
        """Replace the hierarchy; what is beneath an object that stays as it was is not touched."""
        self.old, self.new, self._same = old, new, {}
        holder = _children(self.specification)
        order = self._order(self.specification)
        content = self._content(None, order, holder)
        if holder:
            self.splices.replace(holder.start, holder.end, content)
        elif content:
            self.splices.append(self.specification, f"\n{content}")

    def content(self, outline: Outline) -> str:
        """Return the hierarchy of a new specification."""
        self.old, self.new, self._same = Outline(), outline, {}
        return self._content(None, (), None)

    def _content(self, above: str | None, order: Sequence[str], holder: Element | None) -> str:
        names = self.new.beneath(above, order)
        if not names:
            return ""
        parts = [self._spaced(name) for name in names]
        tail = "\n"
        if holder and holder.children:
            last = holder.children[-1]
            closing = self.splices.data.rfind(b"</", last.end, holder.end)
            tail = self.splices.data[last.end : closing].decode()
        return self.markup.element("CHILDREN", *parts, tail)

    def _spaced(self, name: str) -> str:
        node = self.nodes.get(name)
        space = self.splices.space_before(node) if node else "\n"
        return f"{space}{self._node(name, node)}"

    def _node(self, name: str, node: Element | None) -> str:
        if node is None:
            content = self._content(name, (), None)
            of = self.markup.element("OBJECT", self.markup.reference("SPEC-OBJECT", name))
            id = next(self._new_ids)
            return self.markup.element(
                "SPEC-HIERARCHY", of, content, IDENTIFIER=id, LAST_CHANGE=self.markup.at
            )
        if self._is_same(name):
            return self.splices.text_of(node)
        holder, data = _children(node), self.splices.data
        content = self._content(name, self._order(node), holder)
        if holder is None:
            closing = data.rfind(b"</", node.opened, node.end)
            before, after = data[node.start : closing], data[closing : node.end]
            return f"{before.decode()}{content}{after.decode()}"
        start = holder.start if content else self.splices.before(holder)
        before, after = data[node.start : start], data[holder.end : node.end]
        return f"{before.decode()}{content}{after.decode()}"

    def _is_same(self, name: str) -> bool:
        """Return whether nothing has changed beneath an object."""
        if name not in self._same:
            beneath = self.new.beneath(name, ())
            self._same[name] = self.new.is_as(self.old, name) and all(map(self._is_same, beneath))
        return self._same[name]

    def _order(self, node: Element) -> list[str]:
        holder = _children(node)
        return [self.names.get(id(child), "") for child in holder.children] if holder else []


def outline_of(
    blocks: Sequence[tuple[str, str | None]],
    requirements: Sequence[tuple[str, str | None]],
) -> Outline:
    """Return the outline of headings and requirements, each with the object above it."""
    found = Outline()
    for name, above in blocks:
        found.branches[above].append(name)
    for name, above in requirements:
        if name != above:  # a requirement with child objects is in its own block
            found.leaves[above].append(name)
    return found


def _children(element: Element) -> Element | None:
    return next((child for child in element.children if child.name == "CHILDREN"), None)
