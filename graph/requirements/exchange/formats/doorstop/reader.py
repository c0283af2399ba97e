"""The reader of Doorstop: a ZIP archive of folders with a YAML file for each item.

A folder is a document. The order of items is that of their levels; an item that is not normative
is a heading, and the items whose levels begin with its own are in it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from db.requirements.collaboration import TraceLinkType
from db.text import as_identifier
from graph.requirements.exchange.files.archives import unpacked
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import decoded
from graph.requirements.exchange.model.draft import (
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
from graph.requirements.exchange.model.vocabulary import meant

MORE = "gateway"
"""The attribute that the gateway writes: in JSON, what the others cannot hold."""
CONFIGURATION = ".doorstop.yml"
FIELDS = {"text": "description", "header": "name", "status": "status", "priority": "priority"}
INTERNAL = frozenset(
    {"active", "derived", "level", "links", "normative", "reviewed", "ref", "references", MORE}
)
Level = tuple[int, ...]


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of an archive. `chosen` maps attributes to fields. Raises INVALID."""
    return _read(source, chosen, limits).draft


def items_of(
    source: Source, chosen: Mapping[str, str], limits: Limits
) -> dict[tuple[int, str | None], str]:
    """Return the names of the files of items, by their document's place and their external IDs."""
    return _read(source, chosen, limits).files


def _read(source: Source, chosen: Mapping[str, str], limits: Limits) -> "_Reader":
    files, others = unpacked(source, limits.size, ".yml")
    folders: dict[str, list[tuple[str, Source]]] = {}
    for file in files:
        path = PurePosixPath(file.name.removeprefix(f"{source.name}/"))
        folders.setdefault(str(path.parent), []).append((path.name, file))
    draft = Draft(structured=True, counts={"documents": 0, "requirements": 0})
    reader = _Reader(draft, FIELDS | dict(chosen))
    for name, members in folders.items():
        configuration = dict(members).get(CONFIGURATION)
        if configuration is not None:
            items = [(file, each) for file, each in members if file != CONFIGURATION]
            reader.document(name, configuration, items)
    if not draft.documents:
        raise refused(source.name, f"no folder of the archive has a {CONFIGURATION}.")
    if draft.counts["requirements"] > limits.items:
        raise refused(source.name, f"there are more than {limits.items:,} requirements.")
    if others:
        draft.notes.append(f"{others} other files of the archive are not imported.")
    reader.finish()
    return reader


class _Reader:
    def __init__(self, draft: Draft, targets: Mapping[str, str]) -> None:
        self.draft, self.targets = draft, targets
        self.ids: dict[str, str] = {}
        """The external IDs of items, by the names of their files."""
        self.links: list[tuple[str, str]] = []
        self.own: list[list[Any]] = []
        self.inactive = 0
        self.unknown: Counter[str] = Counter()
        self.files: dict[tuple[int, str | None], str] = {}

    def document(self, folder: str, configuration: Source, items: list[tuple[str, Source]]) -> None:
        settings = parsed(configuration).get("settings")
        about = _more(configuration, settings if isinstance(settings, dict) else {})
        prefix = str(settings.get("prefix") or folder) if isinstance(settings, dict) else folder
        document = DraftDocument(
            fitting_name(about.get("name") or prefix),
            about.get("id") or f"doorstop:{prefix}",
            about.get("description"),
        )
        self.own += about.get("links", [])
        found: list[tuple[Level, str, Source, dict[str, Any]]] = []
        for file, item in items:
            values = parsed(item)
            if values.get("active") == "false":
                self.inactive += 1
                continue
            found.append(
                (_level(item, values.get("level")), file.removesuffix(".yml"), item, values)
            )
        found.sort(key=lambda each: each[:2])
        above: list[tuple[Level, str]] = []
        for level, uid, item, values in found:
            trimmed = _trimmed(level)
            while above and trimmed[: len(above[-1][0])] != above[-1][0]:
                above.pop()
            parent = above[-1][1] if above else None
            more = _more(item, values)
            self.ids[uid] = external_id = as_identifier(str(more.get("id") or uid))
            if values.get("normative") == "false":
                text = values.get("text") or ""
                name = fitting_name(values.get("header") or _first_line(text) or uid)
                content = more.get("content") or ({"text": text} if _has_more(text) else {})
                block = DraftBlock(external_id, name, parent, content, more.get("type"))
                document.blocks.append(block)
                above.append((trimmed, external_id))
            else:
                row = self.requirement(external_id, values, more, parent)
                self.files[len(self.draft.documents), row.external_id] = item.name
                if more.get("opens"):
                    document.blocks.append(DraftBlock(external_id, row.name, parent))
                    row.block = external_id
                    above.append((trimmed, external_id))
                document.requirements.append(row)
            links = values.get("links")
            for link in links if isinstance(links, list) else ():
                target = next(iter(link)) if isinstance(link, dict) and link else link
                self.links.append((uid, str(target)))
        self.draft.documents.append(document)
        self.draft.counts["documents"] += 1
        self.draft.counts["requirements"] += len(document.requirements)

    def requirement(
        self, id: str, item: Mapping[str, Any], more: dict[str, Any], block: str | None
    ) -> DraftRequirement:
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in item.items():
            target = self.targets.get(name, PROPERTY)
            if name in INTERNAL or target == IGNORE or value in ("", "null", [], {}):
                continue
            if target in CHOICES:
                values[target] = member = meant(CHOICES[target], str(value))
                if member is None:
                    properties[name] = value
                    self.unknown[f"{name} has no equivalent for {value!r}"] += 1
            elif target == "tags":
                values["tags"] = value if isinstance(value, list) else str(value).split(",")
            elif target == PROPERTY:
                properties[as_identifier(name)] = value
            elif target != "external_id":
                values[target] = str(value)
        properties |= more.get("properties") or {}
        values |= {key: more[key] for key in ("description", "tags") if key in more}
        values |= {
            key: meant(enumeration, str(more[key]))
            for key, enumeration in CHOICES.items()
            if key in more
        }
        name = more.get("name") or values.pop("name", "") or _first_line(values.get("description"))
        values.pop("name", None)
        return DraftRequirement(
            fitting_name(name) or id, id, block, **values, properties=properties
        )

    def finish(self) -> None:
        """Add the links; one of Doorstop leads to what the item is derived from."""
        missing = 0
        found: dict[tuple[str, TraceLinkType, str], DraftLink] = {}
        own = {(each[0], each[1]): each[2:] for each in self.own}
        for uid, target in self.links:
            if target not in self.ids:
                missing += 1
                continue
            ends = (self.ids[uid], self.ids[target])
            for type_, text in own.pop(ends, [[["derived_from", None]]])[0]:
                link = DraftLink(*ends, TraceLinkType(type_), text)
                found[link.source, link.type, link.target] = link
        self.draft.links = [*found.values()]
        notes = (
            *((count, text) for text, count in self.unknown.items()),
            (missing, "Links to what is not in the archive are not imported"),
            (self.inactive, "Items that are not active are not imported"),
        )
        self.draft.notes += [f"{text} (places: {count})." for count, text in notes if count]


def parsed(source: Source) -> dict[str, Any]:
    """Return a file of YAML, all scalars as texts. Raises INVALID with the line at fault."""
    text = decoded(source)
    try:
        if any(isinstance(each, yaml.AliasEvent) for each in yaml.parse(text, yaml.CBaseLoader)):
            raise refused(source.name, "the file has an alias, which Doorstop does not write.")
        found = yaml.load(text, yaml.CBaseLoader)  # noqa: S506 (it makes texts alone)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise refused(source.name, f"line {line}: this is not YAML.") from None
    except (yaml.YAMLError, RecursionError):
        raise refused(source.name, "this is not YAML.") from None
    if not isinstance(found, dict):
        raise refused(source.name, "this is no mapping in YAML.")
    return {str(key): value for key, value in found.items()}


def _level(source: Source, text: Any) -> Level:
    try:
        return tuple(int(part) for part in str(text or "1").split("."))
    except ValueError:
        raise refused(source.name, f"{text!r} is no level, such as 1.2.") from None


def _trimmed(level: Level) -> Level:
    """Return a level without the zeros at its end: those of a heading."""
    while len(level) > 1 and level[-1] == 0:
        level = level[:-1]
    return level


def _more(source: Source, values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(values.get(MORE) or "{}")
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise refused(source.name, f"the attribute {MORE!r} is no object in JSON.")
    return found


def _has_more(text: str) -> bool:
    return len(text.strip().splitlines()) > 1


def _first_line(text: str | None) -> str:
    return next(filter(None, map(str.strip, (text or "").splitlines())), "")
