"""The bulk mutations, as documents, and what they are given."""

from typing import Any

RESULT = """succeeded failed dryRun results { index merged mergedVersions
    error { code message retryable field currentVersion
        conflicts { field base current yours changedBy changedAt } }"""


def document(mutation: str, item: str) -> str:
    """The mutation, asking for everything the answer tells."""
    row = "requirement" if mutation.startswith("requirements") else "block"
    fields = {
        "requirement": "id version externalId name status tags position blockId createdBy { id }",
        "block": "id version name type position parentId content updatedBy { id }",
    }
    return f"""mutation (
        $items: [{item}!]!, $onError: OnError! = ABORT, $dryRun: Boolean! = false) {{
        {mutation}(items: $items, onError: $onError, dryRun: $dryRun) {{
            {RESULT} {row} {{ {fields[row]} }} }} }} }}"""


CREATE = document("requirementsCreate", "RequirementCreate")
UPDATE = document("requirementsUpdate", "RequirementsUpdateItem")
DELETE = document("requirementsDelete", "DeleteItem")
MOVE = document("requirementsMove", "RequirementsMoveItem")
CREATE_BLOCKS = document("blocksCreate", "BlockCreate")
UPDATE_BLOCKS = document("blocksUpdate", "BlocksUpdateItem")
DELETE_BLOCKS = document("blocksDelete", "DeleteItem")
MOVE_BLOCKS = document("blocksMove", "BlocksMoveItem")


def change(id: Any, version: int = 1, force: bool = False, **input: Any) -> dict[str, Any]:
    """An item of an update."""
    return {"id": id, "expectedVersion": version, "input": input, "force": force}


def gone(id: Any, version: int = 1) -> dict[str, Any]:
    """An item of a deletion."""
    return {"id": id, "expectedVersion": version}


def moved(id: Any, version: int = 1, **to: Any) -> dict[str, Any]:
    """An item of a move."""
    return {"id": id, "expectedVersion": version, "placeAt": to}


def codes(answer: dict[str, Any]) -> list[str | None]:
    """Why each item was refused, in the order of the input."""
    assert [result["index"] for result in answer["results"]] == list(range(len(answer["results"])))
    return [result["error"] and result["error"]["code"] for result in answer["results"]]
