"""The writer of Doorstop: a ZIP archive with a folder for each document."""

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, Any

import yaml

from graph.requirements.exchange.formats.doorstop.reader import (
    CONFIGURATION,
    FIELDS,
    INTERNAL,
    MORE,
)
from graph.requirements.exchange.model.draft import Draft, DraftDocument
from graph.requirements.exchange.model.fields import CHOICES
from graph.requirements.exchange.model.tree import Node, tree_of
from graph.requirements.exchange.store.slugs import slug_of

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
_UID = re.compile(r"([A-Za-z][A-Za-z-]*?)[-_.]?[0-9]+")

Links = dict[str, dict[str, list[tuple[str, str | None]]]]
"""The types and descriptions of links, by their source and target."""


def write(draft: Draft, _: str, file: IO[bytes]) -> str:
    """Write a draft as an archive of Doorstop's folders; return the ending of its name."""
    links: Links = defaultdict(lambda: defaultdict(list))
    for link in draft.links:
        links[link.source][link.target].append((link.type.value, link.description))
    prefixes: list[str] = []
    for document in draft.documents:
        prefixes.append(_prefix(document, prefixes))
    trees = [tree_of(document) for document in draft.documents]
    uids: dict[str, str] = {}
    for prefix, tree in zip(prefixes, trees, strict=True):
        _name(tree, prefix, uids)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for document, prefix, tree in zip(draft.documents, prefixes, trees, strict=True):
            about = _configuration(document, prefix, tree, links)
            archive.writestr(f"{prefix}/{CONFIGURATION}", _yaml(about))
            for node, level in _levels(tree, ()):
                archive.writestr(
                    f"{prefix}/{node.identifier}.yml", _yaml(_item(node, level, links, uids))
                )
    return ".zip"


def _prefix(document: DraftDocument, taken: list[str]) -> str:
    """Return the prefix of the identifiers of a document, or one of its name."""
    found = {
        match[1] if (match := _UID.fullmatch(each.external_id or "")) else ""
        for each in document.requirements
    }
    base = found.pop() if len(found) == 1 else ""
    base = base or slug_of(document.name).upper()
    prefix, number = base, 1
    while prefix.casefold() in {each.casefold() for each in taken}:
        number += 1
        prefix = f"{base}-{number}"
    return prefix


def _name(tree: Node, prefix: str, uids: dict[str, str]) -> None:
    """Name each node by its identifier, if Doorstop allows it, or else by a number."""
    taken: set[str] = set()
    count = 0
    for node in tree.walk():
        thing = node.requirement or node.block
        wanted = (thing.external_id if thing else None) or ""
        uid = wanted if _UID.fullmatch(wanted) and wanted.startswith(prefix) else ""
        while not uid or uid.casefold() in taken:
            count += 1
            uid = f"{prefix}-x{count:05}"
        taken.add(uid.casefold())
        node.identifier = uid
        uids.setdefault(wanted, uid)


def _levels(node: Node, level: tuple[int, ...]) -> Iterator[tuple[Node, tuple[int, ...]]]:
    for number, child in enumerate(node.children, start=1):
        here = (*level, number)
        yield child, here
        yield from _levels(child, here)


def _configuration(
    document: DraftDocument, prefix: str, tree: Node, links: Links
) -> dict[str, Any]:
    more: dict[str, Any] = {"id": document.external_id, "name": document.name}
    more |= {"description": document.description} if document.description else {}
    sources = dict.fromkeys(
        (node.requirement or node.block).external_id or ""  # type: ignore[union-attr]
        for node in tree.walk()
    )
    own = [
        [source, target, types]
        for source in sources
        for target, types in links.get(source, {}).items()
        if types != [("derived_from", None)]
    ]
    more |= {"links": own} if own else {}
    return {"settings": {"digits": 5, "prefix": prefix, "sep": "-", MORE: _json(more)}}


def _item(node: Node, level: tuple[int, ...], links: Links, uids: dict[str, str]) -> dict[str, Any]:
    thing = node.requirement or node.block
    external_id = (thing.external_id if thing else None) or ""
    more: dict[str, Any] = {} if external_id == node.identifier else {"id": external_id}
    item: dict[str, Any] = {
        "active": True,
        "derived": False,
        "header": thing.name if thing else "",
        "level": ".".join(map(str, level)),
        "links": [uids[target] for target in links.get(external_id, {}) if target in uids],
        "normative": node.requirement is not None,
        "ref": "",
        "reviewed": None,
        "text": "",
    }
    if node.requirement is None and node.block is not None:
        item["level"] += ".0"
        text = node.block.content.get("text")
        item["text"] = text if isinstance(text, str) else ""
        more |= {"content": node.block.content} if node.block.content else {}
        more |= {"type": node.block.type} if node.block.type else {}
    elif node.requirement is not None:
        more |= {"opens": True} if node.block is not None else {}
        item |= _values(node, more)
    return item | ({MORE: _json(more)} if more else {})


def _values(node: Node, more: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a requirement; put into `more` what they cannot hold."""
    requirement = node.requirement
    assert requirement is not None  # noqa: S101 (the caller has looked)
    item: dict[str, Any] = {"text": requirement.description or ""}
    if requirement.name == "null" or requirement.description == "null":
        more |= {"name": requirement.name, "description": requirement.description or ""}
    for name in CHOICES:
        if member := getattr(requirement, name):
            (item if name in FIELDS else more)[name] = member.value
    more |= {"tags": requirement.tags} if requirement.tags else {}
    left = {}
    for key, value in requirement.properties.items():
        is_key = KEY.fullmatch(key) and key not in INTERNAL and key not in FIELDS
        if is_key and isinstance(value, str) and value not in ("", "null"):
            item[key] = value
        elif value is not None:
            left[key] = value
    more |= {"properties": left} if left else {}
    return item


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=True)
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
