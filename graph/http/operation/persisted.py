"""Automatic persisted queries: a client sends a document's hash, and its text if that is unknown.

The protocol is Apollo's (https://www.apollographql.com/docs/apollo-server/performance/apq), which
its clients, urql's and Relay's use: `extensions.persistedQuery` is `{version: 1, sha256Hash}`.
"""

import hashlib
from collections import OrderedDict
from dataclasses import replace

from db.problem import Problem
from graph.http.operation.params import Params

EXTENSION, VERSION = "persistedQuery", 1
BUDGET = 16_000_000
"""Bytes of the texts that are kept, the latest ones."""


class PersistedQueries:
    """Documents by the SHA-256 of their text in hexadecimal."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget, self._used = budget, 0
        self._texts: OrderedDict[str, str] = OrderedDict()

    def complete(self, params: Params) -> Params:
        """Return the request with its document, if it has sent the hash alone.

        Raises PERSISTED_QUERY_NOT_FOUND, whereupon the client sends the text along, and
        PERSISTED_QUERY_NOT_SUPPORTED for another version of the protocol.
        """
        persisted = (params.extensions or {}).get(EXTENSION)
        if params.query or not isinstance(persisted, dict):
            return params
        if persisted.get("version") != VERSION:
            raise Problem("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        text = self._texts.get(_hash_in(params) or "")
        if text is None:
            raise Problem("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        self._texts.move_to_end(_hash_in(params) or "")
        return replace(params, query=text)

    def keep(self, params: Params) -> None:
        """Keep the document of a request that names its hash. INVALID where that is another's."""
        hash_ = _hash_in(params)
        if hash_ is None or hash_ in self._texts:
            return
        if hashlib.sha256(params.query.encode()).hexdigest() != hash_:
            field = ["extensions", EXTENSION, "sha256Hash"]
            raise Problem("INVALID", "This is not the SHA-256 of `query`.", field=field)
        self._texts[hash_] = params.query
        self._used += len(params.query)
        while self._used > self._budget:
            _, forgotten = self._texts.popitem(last=False)
            self._used -= len(forgotten)


def _hash_in(params: Params) -> str | None:
    persisted = (params.extensions or {}).get(EXTENSION)
    if not isinstance(persisted, dict) or persisted.get("version") != VERSION:
        return None
    hash_ = persisted.get("sha256Hash")
    return hash_ if isinstance(hash_, str) else None
