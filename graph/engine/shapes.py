"""Conditions by their shape: one statement for all values of the same filter, search or cursor."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, true
from sqlalchemy.sql.visitors import replacement_traverse

from auth.session import Select
from auth.session.row import BYTES_PER_CHARACTER, DIALECT, MAX_COMPILED_LENGTH

BUDGET = 32_000_000
"""Bytes of statements with conditions that a process keeps for its plans, at most."""
STATEMENT = 2_000
"""Characters of a statement beside its conditions."""


class Shaped:
    """A statement whose conditions take their values by name."""

    __slots__ = ("_names", "condition", "select")

    def __init__(self, condition: ColumnElement[bool], parameters: Sequence[Any]) -> None:
        """`parameters` are those of the condition, in the order of its values."""
        names = {parameter: f"f{place}" for place, parameter in enumerate(parameters)}

        def replace(element: Any, **_: Any) -> Any:
            if isinstance(element, BindParameter) and element in names:
                return bindparam(names[element], type_=element.type)
            return None

        self._names = [*names.values()]
        self.condition: ColumnElement[bool] = replacement_traverse(condition, {}, replace)
        self.select: Select | None = None

    def values(self, parameters: Sequence[Any]) -> dict[str, Any]:
        """Return the values of the same condition as it came in a request."""
        given = (parameter.effective_value for parameter in parameters)
        return dict(zip(self._names, given, strict=True))


class Shapes:
    """The most recent statements with conditions or orders of their own, up to a number of bytes.

    Clients choose the conditions, so that only their size bounds what a statement takes.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self.kept: OrderedDict[Hashable, tuple[Shaped, int]] = OrderedDict()
        self.used = 0
        """Bytes of memory that the statements take, roughly."""
        self._budget = budget

    def find(
        self, of: Hashable, where: Sequence[ColumnElement[bool]]
    ) -> tuple[Shaped, dict[str, Any]]:
        """Return the statement for `of` with these conditions, and the values of the conditions.

        SQLAlchemy's key of a condition tells what its values do not.
        """
        condition = and_(true(), *where)
        # A parameter without a value of its own is one of the policy's, which the session binds.
        key = condition._generate_cache_key()  # noqa: SLF001 (SQLAlchemy's own cache asks it too)
        if key is None:
            return Shaped(condition, ()), {}
        parameters = [parameter for parameter in key.bindparams if not parameter.required]
        found = self.kept.get((of, key.key))
        if found is None:
            shaped = Shaped(condition, parameters)
            self._keep((of, key.key), shaped)
        else:
            shaped, _ = found
            self.kept.move_to_end((of, key.key))
        return shaped, shaped.values(parameters)

    def _keep(self, key: Hashable, shaped: Shaped) -> None:
        text = str(shaped.condition.compile(dialect=DIALECT))
        if len(text) > MAX_COMPILED_LENGTH:
            return
        size = BYTES_PER_CHARACTER * (STATEMENT + len(text))
        self.kept[key] = shaped, size
        self.used += size
        while self.used > self._budget:
            _, (_, forgotten) = self.kept.popitem(last=False)
            self.used -= forgotten


SHAPES = Shapes()
