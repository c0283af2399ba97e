"""The tree of a document's blocks: what stands in what."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from auth.session import Transaction
from db.problem import Problem
from db.requirements.documents import Block


class Tree:
    """The blocks of a document by the block they stand in; deleted ones keep their place."""

    def __init__(self, blocks: Sequence[tuple[UUID, UUID | None]]) -> None:
        self.blocks = blocks

    @classmethod
    async def of(cls, transaction: Transaction, document_id: UUID) -> Self:
        """The blocks in their order, as they are while the caller has locked the document."""
        order = (Block.position, Block.id)
        here = Block.document_id == document_id
        return cls(
            await transaction.values(Block, ("id", "parent_id"), here, order=order, deleted=None)
        )

    def beneath(self, id: UUID) -> list[UUID]:
        """The block itself, then all blocks in it at any depth, in their order."""
        children: dict[UUID | None, list[UUID]] = {}
        for block, parent in self.blocks:
            children.setdefault(parent, []).append(block)
        found, level = {id}, [id]
        while level:
            below = (child for block in level for child in children.get(block, ()))
            level = [block for block in below if block not in found]
            found.update(level)
        return [id, *(block for block, _ in self.blocks if block in found and block != id)]


async def require_block(
    transaction: Transaction, document_id: UUID, block_id: UUID, field: Sequence[str]
) -> None:
    """INVALID unless the block is in this document; NOT_FOUND when there is none."""
    block = await transaction.find(Block, block_id, lock=False, field=field)
    if block.document_id != document_id:
        raise elsewhere(field)


def elsewhere(field: Sequence[str]) -> Problem:
    """The block named here is in another document than what is to stand in it."""
    return Problem("INVALID", "The block is in another document.", field=field)


async def require_parent(
    transaction: Transaction,
    document_id: UUID,
    parent_id: UUID,
    beneath: Sequence[UUID],
    field: Sequence[str],
) -> None:
    """The parent is in this document, and not among these: the block itself and what is in it.

    The caller has locked the document: two blocks that move into each other at once would make a
    circle.
    """
    parent = await transaction.find(Block, parent_id, lock=False, field=field)
    if parent.document_id != document_id or parent_id in beneath:
        message = "A block stands in another block of its document, not in itself."
        raise Problem("INVALID", message, field=field)
