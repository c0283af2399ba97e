"""Saved mappings of the columns of imported files."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, project_key
from db.constraints import check, json_arrays, not_blank, trash_index, unique_live
from db.fields import json_list
from db.text import Name
from db.traits import ResourceType, Traits, Trash


class ImportMapping(InProject, kw_only=True):
    """How the columns of a kind of file are read: for imports into the project.

    `columns` are objects with `column`, the name in the file, and `field`, what it is read as.
    `delimiter` and `encoding` are those of CSV files; by default they are detected.
    """

    __tablename__ = "import_mappings"
    traits = Traits(ResourceType.IMPORT_MAPPING, node="ImportMapping", trash=Trash.PURGED)

    name: Mapped[Name]
    columns: Mapped[list[Any]] = json_list()
    delimiter: Mapped[str | None] = mapped_column(default=None)
    encoding: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        *not_blank(),
        *json_arrays("columns"),
        check("delimiter", "length", "char_length(delimiter) = 1", "A delimiter is one character."),
        check("encoding", "length", "char_length(encoding) <= 50", "At most 50 characters."),
        unique_live(
            "import_mappings",
            "organization_id",
            "project_id",
            "name",
            message="The project has a mapping of this name already.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("import_mappings"),
    )
