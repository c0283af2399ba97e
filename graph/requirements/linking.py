"""The creation and confirmation of trace links."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.policy import in_token_scope
from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.fields import among
from db.problem import Problem
from db.requirements.collaboration import EntityType
from db.requirements.collaboration import TraceLink as TraceLinkRow
from db.requirements.documents import Document
from graph.kit.bulk import MAX_ITEMS, bulk, deletes, updates
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.items import Item, unrefused
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    Place,
    delete,
    given,
    mutation,
    restore,
    update,
    writing,
)
from graph.kit.payloads import answer, bulk_payload_of, payload_of
from graph.kit.scalars import BigInt
from graph.requirements.any_type import find_any
from graph.requirements.sql.trace_ends import ENDS, LABELS, LINKABLE, TraceEnds
from graph.requirements.trace_links import TraceLink, TraceLinkCreateInput, TraceLinkUpdateInput

SourceVersion = Annotated[
    BigInt | None,
    strawberry.argument(
        description="The version of the source that was reviewed. The default is the current one."
    ),
]
TargetVersion = Annotated[
    BigInt | None,
    strawberry.argument(
        description="The version of the target that was reviewed. The default is the current one."
    ),
]
Ids = Annotated[
    list[UUID] | None, strawberry.argument(description="The IDs of the links to confirm.")
]
DocumentId = Annotated[
    UUID | None,
    strawberry.argument(
        description="The ID of a document, instead of `ids`, to confirm the suspect links with an"
        " end in it."
    ),
]


async def create_links(transaction: Transaction, items: Sequence[Item]) -> None:
    """Create the links of the items, not sent yet, at the current versions of their ends.

    Refuses ends that the viewer may not read, and ends in two organizations.
    """
    keys = ("source_id", "target_id")
    ids = {item.values[key] for item in unrefused(items) for key in keys}
    ends = await find_any(transaction, LABELS, ids, TraceLinkRow)
    for item in unrefused(items):
        source, target = (ends.get(item.values[key]) for key in keys)
        if source is None or target is None:
            key = keys[0] if source is None else keys[1]
            item.refuse(Problem("NOT_FOUND", "There is no such object.", field=[key]))
            continue
        place, other = (scopes_beneath(type(end), end) for end in (source, target))
        if place["organization_id"] != other["organization_id"]:
            message = "The objects are in different organizations."
            item.refuse(Problem("INVALID", message, field=["target_id"]))
            continue
        if "project_id" not in place:
            message = "An external document can only be the target of a link."
            item.refuse(Problem("INVALID", message, field=["source_id"]))
            continue
        item.row = TraceLinkRow(
            organization_id=place["organization_id"],
            project_id=place["project_id"],
            source_type=LABELS[type(source)],
            target_type=LABELS[type(target)],
            source_version=source.version,
            target_version=target.version,
            **item.values,
        )


async def trace_link_create(info: Info, input: Input[TraceLinkCreateInput]) -> Any:
    item = Item(given(input))
    async with writing(info) as transaction:
        await create_links(transaction, [item])
        transaction.add(item.require())
    return answer(payload_of(TraceLink), item.row)


async def trace_link_confirm(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    source_version: SourceVersion = None,
    target_version: TargetVersion = None,
) -> Any:
    async with writing(info, None) as transaction:
        link = await transaction.find(TraceLinkRow, id)
        now = (await _current(transaction, [link]))[link.id]
        seen = {"source_version": source_version, "target_version": target_version}
        for name, version in seen.items():
            if version is None or name not in now:
                continue
            if not getattr(link, name) <= version <= now[name]:
                message = f"Must be from {getattr(link, name)} to {now[name]}."
                raise Problem("INVALID", message, field=[name])
            now[name] = version
        await transaction.edits.update(link, expected_version, now | _confirmation(transaction))
    merged = transaction.edits.merged.get(link.id, ())
    return answer(payload_of(TraceLink, merges=True), link, merged)


@strawberry.type(description="The result of a confirmation of trace links.")
class TraceLinksConfirmPayload:
    trace_links: list[TraceLink] = described("The links that were confirmed.")
    has_more: bool = described(
        f"Whether the document has more suspect links: at most {MAX_ITEMS} are confirmed at once."
    )


async def trace_links_confirm(
    info: Info, ids: Ids = None, document_id: DocumentId = None
) -> TraceLinksConfirmPayload | None:
    if (ids is None) == (document_id is None):
        raise Problem("INVALID", "Give either `ids` or `documentId`.", field=["ids"])
    wanted, more = ids or [], False
    if document_id is not None:
        await info.context.get(Document, document_id)
        ends = TraceEnds(info.context.session)
        wanted = await ends.suspect_links(document_id, MAX_ITEMS + 1)
        wanted, more = wanted[:MAX_ITEMS], len(wanted) > MAX_ITEMS
    elif not 0 < len(wanted) <= MAX_ITEMS:
        raise Problem("INVALID", f"Must have 1 to {MAX_ITEMS} items.", field=["ids"])
    async with writing(info, None) as transaction:
        links = await transaction.find_by_id(TraceLinkRow, wanted)
        for place, id in enumerate(ids or ()):
            if id not in links:
                raise Problem("NOT_FOUND", "There is no such TraceLink.", field=["ids", place])
        current = await _current(transaction, links.values())
        for link in links.values():
            transaction.change(link, None, **current[link.id], **_confirmation(transaction))
    return TraceLinksConfirmPayload(
        trace_links=[links[id] for id in dict.fromkeys(wanted) if id in links],  # type: ignore[misc]
        has_more=more,
    )


def _confirmation(transaction: Transaction) -> dict[str, Any]:
    return {"confirmed_at": transaction.now, "confirmed_by": transaction.person}


async def _current(
    transaction: Transaction, links: Collection[TraceLinkRow]
) -> dict[UUID, dict[str, int]]:
    """Return the current versions of the ends of each link, by column; of those that are shown."""
    wanted: dict[EntityType, set[UUID]] = defaultdict(set)
    for link in links:
        wanted[link.source_type].add(link.source_id)
        wanted[link.target_type].add(link.target_id)
    versions: dict[UUID, int] = {}
    for type_, ids in wanted.items():
        model = LINKABLE.get(type_)
        if model and in_token_scope(transaction.viewer, "read", model):
            versions.update(
                await transaction.values(model, ("id", "version"), among(model.id, ids))
            )
    return {
        link.id: {
            f"{end}_version": versions[getattr(link, f"{end}_id")]
            for end in ENDS
            if getattr(link, f"{end}_id") in versions
        }
        for link in links
    }


def _read(input: Any, place: Place) -> Item:
    return Item(given(input, place))


@strawberry.type
class Mutation:
    trace_link_create = mutation(
        trace_link_create,
        payload_of(TraceLink),
        "Create a trace link. The viewer must be able to read both objects and to edit the project"
        " of the source.",
    )
    trace_link_update = update(TraceLink, TraceLinkUpdateInput, "Update a trace link.")
    trace_link_delete = delete(TraceLink, "Delete a trace link. It can be restored.")
    trace_link_restore = restore(TraceLink, "Restore a deleted trace link.")
    trace_link_confirm = mutation(
        trace_link_confirm,
        payload_of(TraceLink, merges=True),
        "Confirm a trace link: it is not suspect until the content of an end is changed again.",
    )
    trace_links_confirm = strawberry.mutation(
        trace_links_confirm,
        description="Confirm up to 500 trace links at the current versions of their ends, all or"
        " nothing.",
    )
    trace_links_create = bulk(
        bulk_payload_of(TraceLink),
        TraceLinkCreateInput,
        "Create up to 500 trace links.",
        _read,
        create_links,
    )
    trace_links_update = updates(TraceLink, TraceLinkUpdateInput, "Update up to 500 trace links.")
    trace_links_delete = deletes(TraceLink, "Delete up to 500 trace links. They can be restored.")
