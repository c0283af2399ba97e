"""The bulk mutations as documents, and their items."""

from typing import Any

from tests.requirements.places import place_input

RESULT = """succeeded failed dryRun results { index
    error { code message retryable field currentVersion
        conflicts { field base current yours changedBy changedAt } }"""


def document(mutation: str, item: str) -> str:
    """Return the mutation with all fields of its payload."""
    merge = "merged mergedVersions" if mutation.endswith(("Update", "Move")) else ""
    row = "requirement" if mutation.startswith("requirements") else "block"
    fields = {
        "requirement": "id version externalId name status tags position blockId createdBy { id }",
        "block": "id version name type position parentId content updatedBy { id }",
    }
    return f"""mutation (
        $items: [{item}!]!, $onError: OnError! = ABORT, $dryRun: Boolean! = false) {{
        {mutation}(items: $items, onError: $onError, dryRun: $dryRun) {{
            {RESULT} {merge} {row} {{ {fields[row]} }} }} }} }}"""


CREATE = document("requirementsCreate", "RequirementCreateInput")
UPDATE = document("requirementsUpdate", "RequirementsUpdateItemInput")
DELETE = document("requirementsDelete", "DeleteItemInput")
MOVE = document("requirementsMove", "RequirementsMoveItemInput")
CREATE_BLOCKS = document("blocksCreate", "BlockCreateInput")
UPDATE_BLOCKS = document("blocksUpdate", "BlocksUpdateItemInput")
DELETE_BLOCKS = document("blocksDelete", "DeleteItemInput")
MOVE_BLOCKS = document("blocksMove", "BlocksMoveItemInput")


def change(id: Any, version: int = 1, force: bool = False, **input: Any) -> dict[str, Any]:
    """Return an item of an update."""
    return {"id": id, "expectedVersion": version, "input": input, "force": force}


def gone(id: Any, version: int = 1) -> dict[str, Any]:
    """Return an item of a deletion."""
    return {"id": id, "expectedVersion": version}


def moved(id: Any, version: int = 1, **to: Any) -> dict[str, Any]:
    """Return an item of a move."""
    return {"id": id, "expectedVersion": version, "placeAt": place_input(to)}


def codes(answer: dict[str, Any]) -> list[str | None]:
    """Return the codes of refused items, in the order of the input."""
    assert [result["index"] for result in answer["results"]] == list(range(len(answer["results"])))
    return [result["error"] and result["error"]["code"] for result in answer["results"]]
