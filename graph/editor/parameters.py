"""The parameters of an address: what is not understood is refused."""

from collections.abc import Collection

from starlette.requests import Request

from db.problem import Problem


def require_known(request: Request, names: Collection[str], several: str | None = None) -> None:
    """Refuse parameters of other names, and those given twice but for `several`. Raises INVALID."""
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in names:
            message = f"There is no parameter {name[:50]!r}, only {', '.join(names)}."
            raise Problem("INVALID", message, field=[name])
        if given.count(name) > 1 and name != several:
            raise Problem("INVALID", f"`{name}` must be given once.", field=[name])
