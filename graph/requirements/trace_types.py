"""The types of trace links and the directions in which they are followed, as the API names them."""

from db.requirements.collaboration import TraceLinkType
from graph.kit.enums import describe_enum
from graph.requirements.sql.trace_graph import TraceDirection

describe_enum(
    TraceLinkType,
    "The relation of the source of a trace link to its target.",
    {
        "DERIVED_FROM": "The source is derived from the target.",
        "SATISFIES": "The source satisfies the target.",
        "VERIFIES": "The source verifies the target.",
        "REFINES": "The source refines the target.",
        "IMPLEMENTS": "The source implements the target.",
        "DEPENDS_ON": "The source depends on the target.",
        "CONFLICTS_WITH": "The source conflicts with the target.",
        "DUPLICATES": "The source duplicates the target.",
        "PARENT_OF": "The source is the parent of the target.",
        "RELATES_TO": "The source relates to the target.",
    },
)
describe_enum(
    TraceDirection,
    "The direction in which trace links are followed. The target of a link is upstream of its"
    " source; of a link of the type PARENT_OF, the source is upstream. Links of the types"
    " RELATES_TO, CONFLICTS_WITH and DUPLICATES have no direction: they are followed both ways, and"
    " only if `linkTypes` names them.",
    {
        "UPSTREAM": "To the objects that the object follows from.",
        "DOWNSTREAM": "To the objects that follow from the object.",
    },
)

__all__ = ["TraceDirection", "TraceLinkType"]
