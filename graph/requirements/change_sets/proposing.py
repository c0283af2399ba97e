"""Proposing changes: edits of a change set, which are validated as if they were applied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case
from uuid_utils.compat import uuid7

from auth.session import Transaction
from auth.session.write.audit import recorded
from auth.session.write.db_errors import by_people, missing
from auth.session.write.merge import Change
from auth.session.write.patch import Patch
from db.problem import Problem
from db.requirements.change_sets import ChangeSet, ChangeSetAction, ChangeSetItem
from db.text import normalised
from db.values import same_json
from graph.kit.mutations import Place, given, name_fields, path_of
from graph.kit.ordering import place_of
from graph.kit.words import spoken
from graph.requirements.change_sets.draft import Draft, merged
from graph.requirements.change_sets.parallel_links import parallel_links
from graph.requirements.change_sets.proposable import EDITS, TRACE_LINK, Proposable
from graph.requirements.change_sets.writing import write
from graph.requirements.workflows.enforcement import PROPOSAL

CREATE, UPDATE = ChangeSetAction.CREATE, ChangeSetAction.UPDATE
DELETE, RESTORE = ChangeSetAction.DELETE, ChangeSetAction.RESTORE
MAX_NESTED = 12
"""The most steps from an object to those that contain it, all created by the change set."""


@dataclass(eq=False)
class Edit:
    """One item of `changeSetEdit`: `path` leads to its field, `argument` to the columns in it."""

    kind: Proposable
    verb: str
    path: Place
    id: UUID
    expected_version: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    place: dict[str, Any] | None = None

    @property
    def argument(self) -> str | None:
        """Return the field of the input with the columns."""
        return "input" if self.verb == "update" else None

    def problem(self, problem: Problem) -> Problem:
        """Return the problem, which names columns, with the path of this edit."""
        of_item = problem.field in (("id",), ("expected_version",))
        name_fields(problem, self.path, None if of_item else self.argument)
        left = ("code", "retryable", "field")
        details = {name: d for name, d in problem.extensions.items() if name not in left}
        return Problem(problem.code, problem.message, field=path_of(problem), **details)


def edit_of(input: Any, index: int) -> Edit:
    """Return the edit of an input. Raises INVALID for a value that no column can hold."""
    name = next(name for name in EDITS if getattr(input, name) not in (UNSET, None))
    kind, verb = EDITS[name]
    about = getattr(input, name)
    path: Place = ("items", index, to_camel_case(name))
    if verb == "create":
        return Edit(kind, verb, path, uuid7(), values=given(about, path))
    edit = Edit(kind, verb, path, about.id, about.expected_version)
    if verb == "update":
        edit.values = given(about.input, (*path, "input"))
    elif verb == "move":
        place = place_of(kind.kind.order, about.place_at)
        edit.place = {**recorded(vars(place)), "index": index}
    return edit


class Plan:
    """The drafts that edits make of the items of a change set."""

    def __init__(self, transaction: Transaction, change_set: ChangeSet) -> None:
        self.transaction, self.change_set = transaction, change_set
        self.drafts: dict[UUID, Draft] = {}
        self.edits: dict[UUID, Edit] = {}
        """The last edit of each draft."""
        self._rows: dict[UUID, Any] = {}
        self.deleted: dict[UUID, Any] = {}
        """Objects with edits that were deleted since they were seen."""
        self._since: dict[UUID, list[Change]] = {}

    async def make(
        self,
        edits: Sequence[Edit],
        *,
        skip_missing: bool = False,
        gone: Mapping[UUID, Any] | None = None,
    ) -> None:
        """Make the drafts; no lock is held. Raises the first problem, with its path.

        With `skip_missing`, edits of objects that are not there any more are left out, except of
        those in `gone`, deleted ones, which are in conflict then.
        """
        ids = {edit.id for edit in edits if edit.verb != "create"}
        self.drafts = {draft.id: draft for draft in await self.stored(ids)}
        for kind in {edit.kind for edit in edits}:
            for verbs, deleted in ((("update", "move", "delete"), False), (("restore",), True)):
                wanted = {e.id for e in edits if e.kind is kind and e.verb in verbs}
                self._rows |= await self.transaction.find_by_id(
                    kind.model, wanted, deleted=deleted, lock=False
                )
        self.deleted = {id: row for id, row in (gone or {}).items() if id not in self._rows}
        self._rows |= self.deleted
        seen = [
            (self._rows[edit.id], edit.expected_version)
            for edit in edits
            if edit.id in self._rows and edit.expected_version
        ]
        oldest: dict[UUID, tuple[Any, int]] = {}
        for row, version in seen:
            known = oldest.get(row.id)
            oldest[row.id] = (row, min(version, known[1]) if known else version)
        self._since = await self.transaction.changes_since(oldest.values())
        for edit in edits:
            try:
                self._take(edit)
            except Problem as problem:
                if skip_missing and problem.code == "NOT_FOUND":
                    continue
                raise edit.problem(problem) from None
            self.edits[edit.id] = edit

    async def check(self) -> None:
        """Write the new drafts, and what they need, to have all their rules checked.

        The transaction is to be abandoned. Deletions need no more than their objects, except those
        of links, which make room for others; who may propose need not be allowed to write.
        """
        self.transaction.purpose = PROPOSAL
        needed = (draft for draft in await self._needed() if not draft.is_empty)
        drafts = [d for d in needed if d.action is not DELETE or d.kind is TRACE_LINK.kind]
        beside = await parallel_links(self.transaction, self.change_set.id, self.drafts.values())
        drafts = [*(draft for draft in beside if not draft.is_empty), *drafts]
        drafts = [draft for draft in drafts if draft.id not in self.deleted]
        await write(self.transaction, self.change_set, drafts, checks_only=True)
        for draft in drafts:
            edit = self.edits.get(beside.get(draft, draft).id)
            problem = draft.problem
            if problem and problem.code != "FORBIDDEN":
                raise edit.problem(problem) if edit else problem

    def store(self) -> list[Any]:
        """Create, change or remove the items; return those that are left, in the edits' order."""
        place: Any = {
            "organization_id": self.change_set.organization_id,
            "project_id": self.change_set.project_id,
            "change_set_id": self.change_set.id,
        }
        items = []
        for draft in self.drafts.values():
            now = self.transaction.now
            if draft.place is not None and "since" not in draft.place:
                draft.place["since"] = now.isoformat()
            if draft.item is None and not draft.is_empty:
                draft.item = ChangeSetItem(
                    **place,
                    entity_type=draft.kind.model.__name__,
                    entity_id=draft.id,
                    **draft.columns(),
                )
                self.transaction.add(draft.item)
            elif draft.item is not None and draft.is_empty:
                person = self.transaction.viewer.id
                self.transaction.change(draft.item, None, deleted_at=now, deleted_by=person)
                continue
            elif draft.item is not None:
                self.transaction.change(draft.item, None, **draft.columns())
            if draft.item is not None:
                items.append(draft.item)
        return items

    async def stored(self, ids: Iterable[UUID]) -> list[Draft]:
        """Return the drafts of the stored items of these objects."""
        found = await self.transaction.find_by_id(
            ChangeSetItem, list(ids), key="entity_id", lock=False
        )
        mine = (item for item in found.values() if item.change_set_id == self.change_set.id)
        return [Draft.of(item) for item in mine]

    async def _needed(self) -> list[Draft]:
        """Return the drafts, and before them the stored ones of objects that they refer to."""
        found = dict(self.drafts)
        wanted = {id for draft in found.values() for id in draft.references()} - found.keys()
        for _ in range(MAX_NESTED):
            new = [draft for draft in await self.stored(wanted) if draft.action is CREATE]
            found = {draft.id: draft for draft in new} | found
            wanted = {id for draft in new for id in draft.references()} - found.keys()
            if not wanted:
                break
        return [*found.values()]

    def _take(self, edit: Edit) -> None:
        draft = self.drafts.get(edit.id)
        if edit.verb == "create":
            values = recorded(normalised(edit.kind.model, edit.values))
            self.drafts[edit.id] = Draft(edit.kind.kind, edit.id, CREATE, proposed=values)
        elif draft is not None and draft.kind is not edit.kind.kind:
            raise missing(edit.kind.model, ["id"])
        elif draft is not None and draft.action is CREATE:
            self._take_created(edit, draft)
        else:
            row = self._rows.get(edit.id)
            if row is None:
                raise missing(edit.kind.model, ["id"])
            self._require_here(row)
            draft = draft or Draft(edit.kind.kind, edit.id, UPDATE)
            self.drafts[edit.id] = draft
            self._take_existing(edit, draft, row)

    def _take_created(self, edit: Edit, draft: Draft) -> None:
        match edit.verb:
            case "update":
                values = _patched(normalised(draft.kind.model, edit.values), draft.proposed)
                draft.proposed |= recorded(values)
            case "move":
                draft.place = edit.place
            case "delete":  # what is not proposed to be created need not be deleted
                draft.action, draft.proposed, draft.place = UPDATE, {}, None
            case _:
                raise Problem("INVALID", "The object is not deleted.", field=["id"])

    def _take_existing(self, edit: Edit, draft: Draft, row: Any) -> None:
        version = edit.expected_version
        since = [c for c in self._since.get(row.id, ()) if c.version > version]
        by_people(row, version, since)
        is_removed = draft.action in (DELETE, RESTORE)
        if is_removed and edit.verb in ("update", "move"):
            noun = spoken(draft.kind.model.__name__)
            message = f"The change set proposes to {draft.action.value} the {noun}."
            raise Problem("INVALID", message, field=["id"])
        draft.base_version = version
        match edit.verb:
            case "update":
                before = _before(row, edit.values, since)
                values = _patched(normalised(draft.kind.model, edit.values), before)
                draft.proposed |= recorded(values)
                draft.base |= before
                for name in before:
                    if same_json(draft.proposed[name], before[name]):
                        del draft.proposed[name]
                        if draft.place is None or name not in draft.kind.place_columns:
                            del draft.base[name]
            case "move":
                draft.place = edit.place
                draft.base |= _before(row, draft.kind.place_columns, since)
            case "delete":
                draft.action, draft.proposed, draft.place = DELETE, {}, None
                draft.base = _before(row, edit.kind.compared, since)
            case _:
                draft.action, draft.proposed, draft.place = RESTORE, {}, None
                draft.base = {}

    async def conflicts(self) -> int:
        """Return the number of drafts in conflict with the objects as they are now."""
        count = 0
        for draft in self.drafts.values():
            row = self._rows.get(draft.id)
            if draft.id in self.deleted:
                count += 1
            elif draft.exists and row is not None:
                count += bool((await merged(draft, row)).overlaps)
        return count

    def _require_here(self, row: Any) -> None:
        if row.project_id != self.change_set.project_id:
            message = "The object is in another project."
            raise Problem("INVALID", message, field=["id"])


def _before(row: Any, names: Iterable[str], since: Sequence[Change]) -> dict[str, Any]:
    """Return the values of these columns at the client's version, as the record has them."""
    values = {name: recorded(getattr(row, name)) for name in names}
    for change in reversed(since):
        values |= {name: value for name, value in change.old.items() if name in values}
    return values


def _patched(values: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return these values, with patches applied to the values before."""
    return {
        name: value.applied(before.get(name) or {}) if isinstance(value, Patch) else value
        for name, value in values.items()
    }
