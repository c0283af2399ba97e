"""The numbers of new rows, which are given where a client gives no identifier."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.requirements.numbering import NumberedType, is_numbered, take_numbers


@dataclass(frozen=True)
class Numbers:
    """The numbering of rows of one type: `column` is their identifier, `place` names their place.

    A place is a document, or the project of rows that are in no document.
    """

    type: NumberedType
    column: str
    place: str

    def question(self, parents: Collection[UUID]) -> Any:
        """Return the function that tells whether rows in these parents may be numbered."""
        return is_numbered(self.type, parents)

    async def give(self, transaction: Transaction, rows: Sequence[Any]) -> None:
        """Give numbers to these new rows, where a rule applies to them; one statement."""
        places = [getattr(row, self.place) for row in rows]
        levels = [getattr(row, "level", None) for row in rows]
        for row, name in zip(rows, await self.take(transaction, places, levels), strict=True):
            if name is not None:
                setattr(row, self.column, name)

    async def take(
        self, transaction: Transaction, places: Sequence[UUID], levels: Sequence[str | None]
    ) -> list[str | None]:
        """Take an identifier for a row in each place; None where no rule applies."""
        taken = await transaction.call(take_numbers(self.type, places, levels))
        return list(taken) if taken else [None] * len(places)


NUMBERS = Numbers(NumberedType.REQUIREMENT, "external_id", "document_id")
TEST_NUMBERS = Numbers(NumberedType.TEST_CASE, "test_id", "project_id")
