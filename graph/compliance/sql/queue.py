"""Calls of the functions by which people create assessments, and by which their workers run them.

The tenants are those of whom the viewer is an administrator; the functions check them again.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    Double,
    Integer,
    Interval,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.functions import Function

Tenants = Sequence[UUID]


def prepare(assessment: UUID, organization: UUID, frameworks: Sequence[UUID]) -> Function[Any]:
    """Return the call that links an assessment, which is to be created, to active frameworks.

    It returns the number of links, and of assessments that count towards the limit of the month.
    """
    ids = (_value(assessment, Uuid), _value(organization, Uuid))
    return func.ctx.prepare_assessment(*ids, _value(list(frameworks), ARRAY(Uuid)), type_=JSONB)


def used(organization: UUID) -> Function[Any]:
    """Return the call that counts the assessments towards the limit of the month."""
    return func.ctx.used_assessments(_value(organization, Uuid), type_=Integer)


def billable(organization: UUID) -> Function[Any]:
    """Return the call that counts the billable assessments of the month."""
    return func.ctx.billable_assessments(_value(organization, Uuid), type_=Integer)


def claim(most: int, lease: timedelta, worker: str, tenants: Tenants) -> Function[Any]:
    """Return the call that claims assessments, of tenants in turn; it returns a list."""
    return func.ctx.claim_own_assessments(
        _value(most, Integer),
        _value(lease, Interval),
        _value(worker, Text),
        _value(list(tenants), ARRAY(Uuid)),
        type_=JSONB,
    )


def extend(
    id: UUID,
    lease: UUID,
    time: timedelta,
    share: float | None,
    partial: Mapping[str, Any] | None,
    tenants: Tenants,
) -> Function[Any]:
    """Return the call that extends a lease; it returns its end, or null if the lease is lost."""
    return func.ctx.extend_own_assessment(
        *_held(id, lease),
        _value(time, Interval),
        _value(share, Double),
        _json(partial),
        _value(list(tenants), ARRAY(Uuid)),
        type_=DateTime(timezone=True),
    )


def complete(
    id: UUID,
    lease: UUID,
    results: Mapping[str, Any],
    counts: Mapping[str, Any],
    score: float | None,
    model: str,
    tenants: Tenants,
) -> Function[Any]:
    """Return the call that completes an assessment; it returns the status, or null."""
    return func.ctx.complete_own_assessment(
        *_held(id, lease),
        _json(results),
        _json(counts),
        _value(score, Double),
        _value(model, Text),
        _value(list(tenants), ARRAY(Uuid)),
        type_=Text,
    )


def fail(id: UUID, lease: UUID, reason: str, tenants: Tenants, *, final: bool) -> Function[Any]:
    """Return the call that ends an attempt in failure; it returns the status, or null."""
    return func.ctx.fail_own_assessment(
        *_held(id, lease),
        _value(reason, Text),
        _value(final, Boolean),
        _value(list(tenants), ARRAY(Uuid)),
        type_=Text,
    )


def pages_of(id: UUID, lease: UUID, tenants: Tenants) -> Function[Any]:
    """Return the call that returns the pages of the document of an assessment that is held."""
    return func.ctx.pages_of_own_assessment(
        *_held(id, lease), _value(list(tenants), ARRAY(Uuid)), type_=ARRAY(Text)
    )


def definitions_of(id: UUID, lease: UUID, tenants: Tenants) -> Function[Any]:
    """Return the call that returns the definitions of the frameworks of an assessment held."""
    return func.ctx.definitions_of_own_assessment(
        *_held(id, lease), _value(list(tenants), ARRAY(Uuid)), type_=JSONB
    )


def _held(id: UUID, lease: UUID) -> tuple[Any, Any]:
    return _value(id, Uuid), _value(lease, Uuid)


def _value(value: Any, type_: Any) -> Any:
    return bindparam(None, value, type_=type_, unique=True)


def _json(value: Mapping[str, Any] | None) -> Any:
    text = None if value is None else orjson.dumps(value).decode()
    return cast(_value(text, Text), JSONB)
