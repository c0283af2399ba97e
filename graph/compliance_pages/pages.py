"""Shared code of the pages of compliance."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from auth.viewer import Viewer
from graph.administration.pages import ObjectPages

HOME = "/compliance"
NEW, REPORT = f"{HOME}/new", f"{HOME}/assessment"
SHARES = f"{REPORT}/shares"
ASSETS = f"{HOME}/assets"


class CompliancePages(ObjectPages):
    """Pages for the members of an organization."""

    path, title = HOME, "Compliance"

    def _open_to(self, viewer: Viewer) -> Collection[UUID]:
        return viewer.organizations

    @staticmethod
    def _people(members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the people among members, without service accounts."""
        users = [member["user"] for member in members if member["user"]]
        return [user for user in users if not user["isService"]]
