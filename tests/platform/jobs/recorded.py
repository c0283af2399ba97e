"""Events of the audit log that imports and exports record."""

from typing import Any

EVENTS = """query ($id: UUID!, $type: AuditEventType!) { organization(id: $id) {
    auditLogs(first: 10, filter: {eventType: {eq: $type}}) { nodes {
        action soc2Control sourceSystem details entityType entityId actor { id } changes { field }
    } } } }"""


async def transfers_of(world: Any, type: str) -> list[Any]:
    """Return the events of a type in the world's organization, newest first."""
    found = await world.ask("owner", EVENTS, id=world.organization, type=type)
    nodes: list[Any] = found["auditLogs"]["nodes"]
    return nodes
