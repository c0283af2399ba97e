"""Workflows: the changes of status of requirements that a project allows, and to whom."""

from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped

from db.base import InProject, project_key
from db.constraints import check, json_arrays, trash_index, unique_live
from db.fields import flag, json_list, number
from db.traits import ResourceType, Traits, Trash

MAX_APPROVALS = 50
"""The most approvals that a workflow or a review can ask for."""


class Workflow(InProject, kw_only=True):
    """The allowed changes of status in a project, which has one workflow or none.

    `transitions` are objects with `source` and `target`, statuses; `role`, the least role in the
    project; and `approval`, whether the present content must be approved. `admins_exempt` and
    `imports_exempt` are the exceptions, whose use is recorded in the audit log. `four_eyes` means
    that nobody approves content that they wrote.
    """

    __tablename__ = "workflows"
    traits = Traits(ResourceType.WORKFLOW, node="Workflow", named_by=None, trash=Trash.PURGED)

    transitions: Mapped[list[Any]] = json_list()
    min_approvals: Mapped[int] = number(1, BigInteger)
    four_eyes: Mapped[bool] = flag(default=True)
    admins_exempt: Mapped[bool] = flag(default=True)
    imports_exempt: Mapped[bool] = flag(default=True)
    change_sets_need_approval: Mapped[bool] = flag(default=False)

    __table_args__ = (
        project_key(),
        *json_arrays("transitions"),
        check(
            "min_approvals",
            "range",
            f"min_approvals BETWEEN 1 AND {MAX_APPROVALS}",
            f"The number of approvals must be from 1 to {MAX_APPROVALS}.",
        ),
        unique_live(
            "workflows",
            "organization_id",
            "project_id",
            message="The project has a workflow already.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("workflows"),
    )
