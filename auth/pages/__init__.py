"""The pages people see, from signing up to their account; server-rendered, no script needed."""

from auth.pages.missing import missing
from auth.pages.routes import routes

__all__ = ["missing", "routes"]
