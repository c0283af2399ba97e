"""Changes of parts of functions, for all migrations."""

import sqlalchemy as sa
from alembic import op


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function. Raises LookupError if it lacks the part."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if old not in text:
        raise LookupError(f"{function} has no {old}.")
    bind.exec_driver_sql(text.replace(old, new))
