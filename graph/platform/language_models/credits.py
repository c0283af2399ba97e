"""Credits: reserved before the language model is asked, settled by what it has used.

The ID of a reservation is that of the job that asks. A reservation whose job has ended is released.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from auth.session import Transaction
from db import billing
from db.core.credits import reserve_own
from db.core.organizations import Organization
from db.core.plans import limits_of
from db.pool import NOBODY, Database
from db.problem import Problem
from graph.kit.model_terms import ModelTerms
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

RESERVE = "SELECT ctx.reserve_credits($1, $2, $3, $4)"
SETTLE = "SELECT ctx.settle_credits($1, $2, $3, $4, $5)"
RELEASE = "SELECT ctx.release_credits()"


async def reserve(
    transaction: Transaction, job: UUID, organization_id: UUID, credits: int, terms: ModelTerms
) -> None:
    """Reserve credits for a job that the transaction enqueues. Raises LIMIT_REACHED."""
    organization = await transaction.find(Organization, organization_id, lock=False)
    limits = limits_of(organization.billing_plan, organization.usage_limits)
    maximum = terms.credits_of(limits.credits)
    if not await transaction.call(reserve_own(job, organization_id, credits, maximum)):
        raise Problem(
            "LIMIT_REACHED",
            f"The organization can use {maximum} credits a month, of which {credits} are not left.",
            limit="credits",
            maximum=maximum,
        )


async def reserve_again(
    database: Database, job: UUID, organization_id: UUID, credits: int, terms: ModelTerms
) -> bool:
    """Reserve credits for a job that has none reserved, as after a retry; return whether it has."""
    async with database.auth.lend(NOBODY) as lent:
        held = await billing.find(lent, organization_id)
        maximum = terms.credits_of(held.limits.credits if held else 0)
        has: bool = await lent.fetchval(RESERVE, job, organization_id, credits, maximum)
    return has


async def settle(
    database: Database,
    job: UUID,
    credits: int,
    *,
    user_id: UUID,
    feature: str,
    metadata: Mapping[str, Any],
) -> None:
    """Charge what was used of a reservation, at most all, release the rest, and log the use."""
    text = orjson.dumps(metadata).decode()
    async with database.auth.lend(NOBODY) as lent:
        await lent.execute(SETTLE, job, credits, user_id, feature, text)


async def _release(run: Run) -> Result:
    async with run.database.auth.lend(NOBODY) as lent:
        return {"released": await lent.fetchval(RELEASE)}


KINDS = (Kind("credits.release", _release, every=timedelta(minutes=1)),)
