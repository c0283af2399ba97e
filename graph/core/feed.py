"""Change events for clients that poll: the cursor to start from, and pages of events."""

from typing import Annotated, Any, cast

import strawberry

from auth.policy import deciding_columns, require_token_scope
from db.core.notifications import Notification
from db.problem import Problem
from graph.core.changes import ChangeEvent, Fields, Told, Types, followed, kind_of
from graph.core.organizations import Organization
from graph.core.people import Viewer
from graph.core.projects import Project
from graph.kit.connection import PageInfo
from graph.kit.context import MAX_PAGE_SIZE, Info
from graph.kit.fields import computed, extend_type
from graph.kit.node import Node
from graph.kit.stream import Kind, Stream

MAX_PAGE, DEFAULT_PAGE = MAX_PAGE_SIZE, 20
FEED_CURSOR = (
    "The cursor from which to follow changes after this response. It is taken before data is read:"
    " no later change is missed, but a change that the response includes can be delivered again."
    " Null when a past state is read, and for a share."
)
From = Annotated[
    str,
    strawberry.argument(
        description="The cursor after which to start: of an event, an `endCursor` or a"
        " `feedCursor`."
    ),
]
First = Annotated[
    int, strawberry.argument(description=f"The number of events to return, at most {MAX_PAGE}.")
]


@strawberry.type(
    description="A page of events after a cursor, in the order in which they were committed."
)
class ChangeConnection:
    nodes: list[ChangeEvent] = strawberry.field(description="The events of the page.")
    page_info: PageInfo = strawberry.field(
        description="Information about pagination. `endCursor` is set even on an empty page."
    )


def followable(kind: Kind, type_: type[Node]) -> None:
    """Add the fields `feedCursor` and `changes` to this type."""

    def scope(root: Any) -> Any:
        return root.id if kind == "organization" else root.organization_id

    def feed_cursor(root: strawberry.Parent[Any], info: Info) -> str | None:
        if info.context.past_of(root) is not None or info.context.viewer.shared is not None:
            return None
        feed, began = info.context.feed
        return feed.cursor(Stream(kind, root.id, scope(root)), began)

    async def changes(
        root: strawberry.Parent[Any],
        info: Info,
        after: From,
        first: First = DEFAULT_PAGE,
        types: Types = None,
        fields: Fields = None,
    ) -> ChangeConnection | None:
        if info.context.viewer.shared is not None:
            return None
        asked = followed(kind, root, after, types, fields)
        return await _page(info, asked, after, first)

    extend_type(
        type_,
        feed_cursor=computed(of_model=deciding_columns, text=FEED_CURSOR)(feed_cursor),
        changes=computed(
            of_model=deciding_columns,
            text="The changes after a cursor that the viewer can read: the events of the"
            " subscription, for clients that poll.",
            metadata={"largest_page": MAX_PAGE},
        )(changes),
    )


async def _page(info: Info, asked: Stream, after: str, first: int) -> ChangeConnection:
    if not 0 <= first <= MAX_PAGE:
        raise Problem("INVALID", f"Must be from 0 to {MAX_PAGE}.", field=["first"])
    feed, began = info.context.feed
    page = await feed.page(asked, info.context.viewer, after, first, began)
    told = [Told(kind_of(event), cursor, event.at, event) for event, cursor in page.events]
    around = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=False,
        start_cursor=told[0].cursor if told else None,
        end_cursor=page.end,
    )
    return ChangeConnection(nodes=cast("list[ChangeEvent]", told), page_info=around)


def _own_cursor(info: Info) -> str | None:
    viewer = info.context.viewer
    require_token_scope(viewer, "read", Notification)
    assert viewer.id is not None  # noqa: S101 (there is a Viewer)
    feed, began = info.context.feed
    return feed.cursor(Stream("person", viewer.id, None), began)


followable("organization", Organization)
followable("project", Project)
extend_type(
    Viewer,
    feed_cursor=strawberry.field(
        _own_cursor,
        description="The cursor from which to follow notifications after this response.",
    ),
)
