"""The reader and writer of `needs.json`, the file that sphinx-needs builds and imports.

Its current version is read. A need is a requirement, its page (`docname`) the document, and the
titles above it (`sections`, the innermost first) the headings.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from db.problem import Problem
from db.requirements.collaboration import TraceLinkType
from db.text import as_identifier
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import decoded
from graph.requirements.exchange.model.draft import (
    MAX_NAME_LENGTH,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.model.fields import CHOICES, IGNORE, PROPERTY
from graph.requirements.exchange.model.vocabulary import meant, relation_meant

VERSION = "1"
MORE = "gateway"
"""The member with what the others cannot hold: of the version, and of a need."""
FIELDS = {
    "id": "external_id",
    "title": "name",
    "content": "description",
    "description": "description",
    "status": "status",
    "priority": "priority",
    "level": "level",
    "format": "format",
    "tags": "tags",
}
INTERNAL = frozenset(
    {"docname", "doctype", "external_css", "external_url", "full_title", "has_dead_links"}
    | {"has_forbidden_dead_links", "is_external", "is_import", "is_modified", "is_need", "is_part"}
    | {"layout", "lineno", "lineno_content", "modifications", "parent_need", "parent_needs"}
    | {"section_name", "sections", "signature", "style", "target_id", "title_from_content"}
    | {"type_color", "type_name", "type_prefix", "type_style", "arch", "parts", "constraints"}
    | {"constraints_passed", "constraints_results", "collapse", "hide", "delete", "jinja_content"}
    | {"pre_content", "post_content", "template", "pre_template", "post_template", MORE}
)
"""Members of a need that say how sphinx-needs shows it, or follow from others."""


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a `needs.json`. `chosen` maps members to fields. Raises INVALID."""
    _, version = parsed_needs(source)
    needs = version.get("needs")
    if not isinstance(needs, dict):
        raise refused(source.name, "the current version has no object `needs`.")
    if len(needs) > limits.items:
        raise refused(source.name, f"there are more than {limits.items:,} needs.")
    reader = _Reader(source, {name: needs[name] for name in needs}, FIELDS | dict(chosen))
    more = version.get(MORE)
    reader.documents(more if isinstance(more, dict) else {})
    for id, need in needs.items():
        if not isinstance(need, dict):
            raise refused(source.name, f"the need {id!r} is no object.")
        reader.need(str(need.get("id") or id), need)
    reader.finish()
    if len(reader.draft.documents) > limits.documents:
        raise refused(source.name, f"there are more than {limits.documents:,} documents.")
    return reader.draft


def parsed_needs(source: Source) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of a file, and its current version. Raises INVALID."""
    try:
        whole = json.loads(decoded(source), object_pairs_hook=_distinct)
    except _Twice as error:
        raise refused(source.name, f"an object has the member {error.args[0]!r} twice.") from None
    except (ValueError, RecursionError) as error:
        at = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) else ""
        raise refused(source.name, f"{at}this is not JSON.") from None
    versions = whole.get("versions") if isinstance(whole, dict) else None
    if not isinstance(versions, dict) or not versions:
        raise refused(source.name, "this is no needs.json: it has no object `versions`.")
    version = versions.get(whole.get("current_version"), [*versions.values()][-1])
    if not isinstance(version, dict):
        raise refused(source.name, "the current version is no object.")
    return whole, version


class _Twice(ValueError):
    """A member that an object has twice, of which JSON would keep the last."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


class _Reader:
    def __init__(
        self, source: Source, needs: Mapping[str, Any], targets: Mapping[str, str]
    ) -> None:
        self.source, self.needs, self.targets = source, needs, targets
        self.draft = Draft(structured=True, counts={"needs": len(needs)})
        self.found: dict[str, DraftDocument] = {}
        self.blocks: set[tuple[str, str]] = set()
        self.own: list[DraftLink] = []
        """Links as the gateway has written them, with what members cannot hold."""
        self.ids: set[tuple[str, str | None]] = set()
        """The pages and the external IDs of needs."""
        self.unknown: Counter[str] = Counter()

    def documents(self, more: Mapping[str, Any]) -> None:
        """Read the documents and headings that the gateway has written for itself."""
        try:
            for each in more.get("documents", ()):
                blocks = [DraftBlock(**block) for block in each["blocks"]]
                name, id = fitting_name(each["name"]), each["id"]
                document = DraftDocument(name, id, each["description"], blocks)
                self.draft.documents.append(document)
                self.found[each["docname"]] = document
                self.blocks |= {(each["docname"], block.external_id) for block in blocks}
            for source, target, type_, text in more.get("links", ()):
                self.own.append(DraftLink(source, target, TraceLinkType(type_), text))
        except (KeyError, TypeError, ValueError, AttributeError, Problem):
            raise refused(self.source.name, f"the member {MORE!r} cannot be read.") from None

    def need(self, id: str, need: Mapping[str, Any]) -> None:
        own = need.get(MORE) if isinstance(need.get(MORE), dict) else {}
        docname = str(need.get("docname") or self.source.stem)
        if docname not in self.found:
            self.found[docname] = DraftDocument(fitting_name(docname), f"needs:{docname}")
            self.draft.documents.append(self.found[docname])
        values, properties = self.values(id, need, is_own=bool(own))
        if own:
            properties |= own.get("properties") or {}
            id = own.get("id") or id
        name = fitting_name(values.pop("name", "") or id)
        block = own.get("block") if own else self.block(docname, need.get("sections"))
        row = DraftRequirement(name, id, block, **values, properties=properties)
        if (docname, row.external_id) in self.ids:
            raise refused(self.source.name, f"two needs have the same id {row.external_id!r}.")
        self.ids.add((docname, row.external_id))
        self.found[docname].requirements.append(row)

    def values(
        self, id: str, need: Mapping[str, Any], *, is_own: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields and the properties of a need, and add its links."""
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in need.items():
            target = self.targets.get(name, PROPERTY)
            if name in INTERNAL or target == IGNORE or value in (None, "", []):
                continue
            if is_own and name == "type":
                continue
            if target == PROPERTY:
                if not self.link(id, name, value):
                    properties[as_identifier(name)] = value
            elif target in CHOICES:
                values[target] = member = meant(CHOICES[target], str(value))
                if member is None:
                    properties[name] = value
                    self.unknown[f"{name} has no equivalent for {value!r}"] += 1
            elif target == "tags":
                values["tags"] = [str(tag) for tag in value if tag]
            elif target != "external_id":
                values[target] = str(value)
        return values, properties

    def link(self, id: str, name: str, value: Any) -> bool:
        """Add the links of a member that lists needs; return whether it does."""
        if not isinstance(value, list) or not all(one in self.needs for one in map(str, value)):
            return name.endswith("_back")
        if not name.endswith("_back"):
            type_, inverse = relation_meant("relates to" if name == "links" else name)
            for other in map(str, value):
                if other != id:
                    ends = (other, id) if inverse else (id, other)
                    self.draft.links.append(DraftLink(*ends, type_, None))
        return True

    def finish(self) -> None:
        """Add to the links what the gateway has written for itself about them."""
        found = {(each.source, each.type, each.target): each for each in self.draft.links}
        ids = {each.external_id for one in self.draft.documents for each in one.requirements}
        for each in self.own:
            key = (each.source, each.type, each.target)
            if key in found or not {each.source, each.target} <= ids:
                found[key] = each
        self.draft.links = [*found.values()]
        self.draft.notes += [f"{what} (places: {count})." for what, count in self.unknown.items()]

    def block(self, docname: str, sections: Any) -> str | None:
        """Return the heading of these titles, which is added if it is new."""
        titles = [str(one) for one in sections] if isinstance(sections, list) else []
        above: str | None = None
        for title in reversed([title for title in titles if title.strip()]):
            here = f"{above or f'needs:{docname}'}/{title}"[:MAX_NAME_LENGTH]
            if (docname, here) not in self.blocks:
                self.blocks.add((docname, here))
                block = DraftBlock(here, fitting_name(title), above)
                self.found[docname].blocks.append(block)
            above = here
        return above
