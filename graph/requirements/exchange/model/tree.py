"""The hierarchy of a document: headings and requirements as nodes of one tree."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from graph.requirements.exchange.model.draft import DraftBlock, DraftDocument, DraftRequirement


@dataclass(slots=True)
class Node:
    """A heading, a requirement, or the document itself, with what is beneath it in order."""

    block: DraftBlock | None = None
    requirement: DraftRequirement | None = None
    children: list["Node"] = field(default_factory=list)
    identifier: str = ""
    """The identifier in the file that is written."""

    def walk(self) -> Iterator["Node"]:
        """Yield what is beneath, depth first."""
        pending = [*reversed(self.children)]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)


def tree_of(document: DraftDocument) -> Node:
    """Return the tree of a document: the requirements of a block, then the blocks in it.

    A block and its first requirement are one node if they have the same identifier and name, and
    something else is in the block.
    """
    root = Node()
    nodes: dict[str | None, Node] = {None: root}
    requirements: dict[str | None, list[DraftRequirement]] = defaultdict(list)
    has_blocks = {block.parent for block in document.blocks}
    for each in document.requirements:
        requirements[each.block].append(each)
    root.children = [Node(requirement=each) for each in requirements[None]]
    for block in document.blocks:
        inside = requirements[block.external_id]
        node = Node(block=block)
        is_more = len(inside) > 1 or block.external_id in has_blocks
        if inside and is_more and _is_same(block, inside[0]):
            node.requirement, *inside = inside
        node.children = [Node(requirement=each) for each in inside]
        nodes[block.external_id] = node
        nodes[block.parent].children.append(node)
    return root


def _is_same(block: DraftBlock, requirement: DraftRequirement) -> bool:
    is_plain = not block.content and block.type is None
    return is_plain and (block.external_id, block.name) == (
        requirement.external_id,
        requirement.name,
    )
