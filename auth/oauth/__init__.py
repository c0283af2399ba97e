"""The OAuth 2.0 authorization server: people let applications act in their name.

A request is read whole (`requests`), then answered by Authlib's synchronous code on one session of
the ORM (`server`), with our own grants (`grants`) and endpoints (`endpoints`). `authorize` is what
people see, `routes` what applications call.
"""

from auth.oauth.routes import routes

__all__ = ["routes"]
