"""A document is parsed once, as long as the cache holds it."""

import pytest
import strawberry
from strawberry.extensions import MaskErrors

from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits
from graph.http.operation.operations import Operations
from graph.settings import Settings
from tests.http.toy import Query, schema

CORE = schema._schema


def test_a_document_is_read_once():
    documents = Documents(CORE, Limits(), 10**6)
    for query in ("{ hello }", "{ nothing }", "{", "{ " + "x " * 3000 + "}"):
        assert documents.get(query) is documents.get(query)
        assert documents.get(query) is not documents.get(query + " ")


def test_the_least_recently_used_document_is_forgotten():
    documents = Documents(CORE, Limits(), 10**6)
    weight = documents.get("{ a0: hello }").weight
    documents = Documents(CORE, Limits(), 3 * weight)
    first, second, _ = (documents.get(f"{{ a{number}: hello }}") for number in range(3))
    assert documents.get("{ a0: hello }") is first
    documents.get("{ a3: hello }")
    assert documents.get("{ a0: hello }") is first
    assert documents.get("{ a1: hello }") is not second


def test_large_documents_weigh_more():
    documents = Documents(CORE, Limits(), 10**6)
    small, large = (documents.get("{ " + "item { id } " * n + "}").weight for n in (1, 10))
    assert large > 5 * small


def test_a_document_is_told_by_a_hash_of_its_text():
    documents = Documents(CORE, Limits(), 10**6)
    hashes = {documents.get(query).hash for query in ("{ hello }", "{hello}", "{ nothing }", "")}
    assert len(hashes) == 4
    assert all(len(hash_) == 32 for hash_ in hashes)


def test_a_document_without_an_operation_is_not_valid():
    for query in ("", "#", "fragment F on Item { id }", "type A { b: Int }"):
        assert Documents(CORE, Limits(), 0).get(query).errors


def test_what_the_endpoint_would_not_run_is_refused_when_it_is_made():
    masked = strawberry.Schema(Query, extensions=[MaskErrors])
    with pytest.raises(ValueError, match="would not be run"):
        Operations(masked, Settings())
