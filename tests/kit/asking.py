"""Operations run on a session of one's own, to see what it sends to PostgreSQL."""

from typing import Any
from uuid import UUID

from auth.identify import act_for
from auth.session import ViewerSession
from graph.kit.context import Context
from graph.schema import schema
from tests.world import World


async def session_of(world: World, person: str) -> ViewerSession:
    """A session in which nothing has been asked yet."""
    viewer = await act_for(world.email(person), world.database)
    return ViewerSession(world.database, viewer)


async def run(session: ViewerSession, query: str, **variables: Any) -> dict[str, Any]:
    """The data that this operation is answered with."""
    values = {key: str(id) if isinstance(id, UUID) else id for key, id in variables.items()}
    result = await schema.execute(query, values, context_value=Context(session))
    assert result.errors is None
    assert result.data is not None
    return result.data
