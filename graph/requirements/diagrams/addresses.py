"""The paths at which diagrams are served as SVG."""

from uuid import UUID

PATH = "/diagrams/{id}.svg"


def svg_url(id: UUID) -> str:
    """Return the path of a diagram as SVG."""
    return PATH.format(id=id)
