"""The pages a browser sees: home, signing in and out; server-rendered, no script needed."""

from auth.pages.routes import routes

__all__ = ["routes"]
