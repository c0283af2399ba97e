"""Drafts of any content, as the store may hold it, for tests of formats."""

from itertools import count

from hypothesis import strategies as st

from db.problem import Problem
from db.requirements.collaboration import TraceLinkType
from db.requirements.properties import PropertyType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from db.text import as_identifier, as_name
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftProperty,
    DraftRequirement,
)

AWKWARD = ["=1+1", "'=1", "-5 V", "+a", "@b", "a,b", "[1]", '["a"]', "_x0041_", "\t", "\x07", "]]>"]
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
TEXTS = st.one_of(ANY, st.sampled_from(AWKWARD), st.text("a\n -*#:|\"'", max_size=12))


def _fitting(read):
    def kept(text):
        try:
            return bool(read(text)) and read(read(text)) == read(text)
        except Problem:
            return False

    return TEXTS.filter(kept).map(read)


ENDS = ["", " b", "/1", "'=", "é"]
"""The ends of external IDs; some are no identifiers of XML."""
NAMES, IDENTIFIERS = _fitting(as_name), _fitting(as_identifier)
JSON = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(2**60), 2**60), st.floats(-1e9, 1e9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY, inner, max_size=2)),
    max_leaves=4,
)
PROPERTIES = {
    "Effort": DraftProperty("Effort", PropertyType.NUMBER),
    "Done": DraftProperty("Done", PropertyType.BOOLEAN),
    "Due": DraftProperty("Due", PropertyType.DATE),
    "Color": DraftProperty("Color", PropertyType.SELECT, ["Red", "Blue"]),
    "Sides": DraftProperty("Sides", PropertyType.MULTI_SELECT, ["Left", "Right, too"]),
}
DEFINED = {
    "Effort": st.one_of(st.integers(-99, 99), st.just(0.5), st.just("none")),
    "Done": st.booleans(),
    "Due": st.sampled_from(["2026-11-30", "soon"]),
    "Color": st.sampled_from(["Red", "Green"]),
    "Sides": st.lists(st.sampled_from(["Left", "Right, too"]), unique=True),
}


@st.composite
def drafts(draw, documents=2):
    """Return a draft with headings, requirements and links between them."""
    ends = draw(st.lists(st.sampled_from(ENDS), min_size=3, max_size=3))
    names = (f"R{number}{ends[number % 3]}" for number in count())
    draft = Draft(structured=True, properties=PROPERTIES)
    for _ in range(draw(st.integers(1, documents))):
        document = DraftDocument(draw(NAMES), next(names), draw(TEXTS.map(str.strip)) or None)
        for _ in range(draw(st.integers(0, 3))):
            above = [block.external_id for block in document.blocks]
            content = draw(st.dictionaries(st.sampled_from(["text", "z"]), TEXTS, max_size=2))
            content = {key: value for key, value in content.items() if value.strip()}
            parent = draw(st.sampled_from([None, *above]))
            type_ = draw(st.sampled_from([None, "table"]))
            document.blocks.append(DraftBlock(next(names), draw(NAMES), parent, content, type_))
        document.blocks = _in_order(document.blocks)
        for _ in range(draw(st.integers(0, 4))):
            document.requirements.append(draw(requirements(next(names), document.blocks)))
        place = {None: -1} | {each.external_id: n for n, each in enumerate(document.blocks)}
        document.requirements.sort(key=lambda each: place[each.block])
        draft.documents.append(document)
    ends = [
        each.external_id
        for document in draft.documents
        for each in (*document.blocks, *document.requirements)
    ]
    if len(ends) > 1:
        pairs = st.tuples(*[st.sampled_from(ends)] * 2, st.sampled_from(TraceLinkType))
        for source, target, type_ in draw(st.lists(pairs, max_size=3, unique=True)):
            if source != target:
                text = draw(NAMES | st.none())
                draft.links.append(DraftLink(source, target, type_, text))
    return draft


@st.composite
def requirements(draw, name, blocks):
    """Return a requirement with this external ID, in one of these blocks or in none."""
    properties = draw(st.fixed_dictionaries({}, optional=DEFINED))
    keys = IDENTIFIERS.filter(lambda key: not key.startswith("Custom"))
    properties |= draw(
        st.dictionaries(keys | st.sampled_from(["Status", "Labels"]), JSON, max_size=2)
    )
    return DraftRequirement(
        draw(NAMES),
        name,
        draw(st.sampled_from([None, *(block.external_id for block in blocks)])),
        draw(TEXTS),
        draw(st.sampled_from(RequirementStatus)),
        draw(st.sampled_from(RequirementPriority)),
        draw(st.sampled_from(RequirementLevel)),
        draw(st.sampled_from(RequirementFormat)),
        draw(st.lists(NAMES, max_size=2, unique=True)),
        properties,
    )


def _in_order(blocks):
    """Return the blocks depth first, as documents hold them."""
    found = []

    def add(parent):
        for block in blocks:
            if block.parent == parent:
                found.append(block)
                add(block.external_id)

    add(None)
    return found
