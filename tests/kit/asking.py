"""Operations in a session of their own, which shows the statements sent to PostgreSQL."""

from typing import Any
from uuid import UUID

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from graph.kit.context import Context
from graph.schema import schema
from tests.world import World


async def session_of(world: World, person: str) -> ViewerSession:
    """Return a session in which nothing has been queried yet."""
    viewer = await act_for(world.email(person), world.database)
    return ViewerSession(world.database, viewer)


async def run(session: ViewerSession, query: str, **variables: Any) -> dict[str, Any]:
    """Return the data of this operation's response."""
    values = {key: str(id) if isinstance(id, UUID) else id for key, id in variables.items()}
    result = await schema.execute(query, values, context_value=Context(session))
    assert result.errors is None
    assert result.data is not None
    return result.data
