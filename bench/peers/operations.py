"""The four queries in each server's form, and the form in which answers are compared."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from bench.peers.rows import Rows

FIELDS = "id name description status priority level position updatedAt"
MANY = 1_000
"""The number of requirements in Q4."""

GATEWAY = {
    "q1": f"query Q1($id: UUID!) {{ requirement(id: $id) {{ {FIELDS} }} }}",
    "q2": f"""query Q2($id: UUID!) {{ project(id: $id) {{ id name
      documents(first: 20) {{ nodes {{ id name blocks(first: 50) {{ nodes {{ id name
        requirements(first: 100) {{ nodes {{ {FIELDS} }} }} }} }} }} }} }} }}""",
    "q3": """query Q3($id: UUID!) { document(id: $id) { id name
      requirements(first: 50) { nodes { id name status
        assignments(first: 20) { nodes { id role assignee { id fullName } } }
        block { id name } } } } }""",
    "q4": f"""query Q4($id: UUID!) {{
      requirements(first: {MANY}, filter: {{projectId: {{eq: $id}}}}) {{
        nodes {{ {FIELDS} }} }} }}""",
}
LISTS = {
    "q1": GATEWAY["q1"],
    "q2": f"""query Q2($id: UUID!) {{ project(id: $id) {{ id name documents {{ id name
      blocks {{ id name requirements {{ {FIELDS} }} }} }} }} }}""",
    "q3": """query Q3($id: UUID!) { document(id: $id) { id name requirements(first: 50) {
      id name status assignments { id role assignee { id fullName } } block { id name } } } }""",
    "q4": f"""query Q4($id: UUID!) {{
      requirements(projectId: $id, first: {MANY}) {{ {FIELDS} }} }}""",
}
POSTGRAPHILE_FIELDS = FIELDS.replace("id", "id: rowId", 1)
POSTGRAPHILE = {
    "q1": f"""query Q1($id: UUID!) {{ requirement: requirementByRowId(rowId: $id) {{
      {POSTGRAPHILE_FIELDS} }} }}""",
    "q2": f"""query Q2($id: UUID!) {{ project: projectByRowId(rowId: $id) {{ id: rowId name
      documents: documentsByProjectIdList(orderBy: [POSITION_ASC]) {{ id: rowId name
        blocks: blocksByDocumentIdList(orderBy: [POSITION_ASC]) {{ id: rowId name
          requirements: requirementsByBlockIdList(orderBy: [POSITION_ASC]) {{
            {POSTGRAPHILE_FIELDS} }} }} }} }} }}""",
    "q3": """query Q3($id: UUID!) { document: documentByRowId(rowId: $id) { id: rowId name
      requirements: requirementsByDocumentIdList(
          first: 50, orderBy: [POSITION_ASC, PRIMARY_KEY_ASC]) { id: rowId name status
        assignments: assignmentsByRequirementIdList(orderBy: [PRIMARY_KEY_ASC]) {
          id: rowId role assignee: profileByAssigneeId { id: rowId fullName } }
        block: blockByBlockId { id: rowId name } } } }""",
    "q4": f"""query Q4($id: UUID!) {{ requirements: allRequirementsList(
      condition: {{projectId: $id}}, first: {MANY}, orderBy: [PRIMARY_KEY_ASC]) {{
        {POSTGRAPHILE_FIELDS} }} }}""",
}
OPERATIONS = {
    "q1": "one requirement, 8 fields",
    "q2": "a project > 10 documents > 50 blocks > 1,000 requirements, 8 fields each",
    "q3": "a document > 50 requirements > assignments > assignees, and blocks",
    "q4": "1,000 requirements of a project, 8 fields each",
}


def ids(rows: Rows, operation: str) -> Callable[[int], str]:
    """Return a function from the number of a request to the ID that it queries."""
    asked = {"q1": rows.requirement, "q3": rows.document}
    return asked.get(operation, rows.project)


def body(query: str, operation: str, id: str) -> bytes:
    """Return one request's body."""
    name = operation.upper()
    return orjson.dumps({"query": query, "operationName": name, "variables": {"id": id}})


def comparable(answer: Any) -> Any:
    """Return an answer without differences of convention: pages, time formats, extensions.

    Mercurius' driver has milliseconds alone, so times are compared to the millisecond.
    """
    match answer:
        case {"nodes": list() as nodes}:
            return [comparable(node) for node in nodes]
        case dict():
            return {
                key: _milliseconds(value) if key == "updatedAt" else comparable(value)
                for key, value in answer.items()
                if key != "extensions"
            }
        case list():
            return [comparable(member) for member in answer]
        case _:
            return answer


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1_000)
