"""Reconcile customers with Stripe: what was missed is fetched and stored."""

import structlog

from db import billing
from db.pool import NOBODY, Database
from db.problem import Problem
from graph.platform.billing.payments import StripePayments

log = structlog.get_logger(__name__)

BATCH = 200
"""Customers that are read at once."""


async def reconcile(database: Database, payments: StripePayments) -> tuple[int, int]:
    """Store the states of all customers, one after the other; return their number, and of failures.

    One that fails is logged, and the others are stored.
    """
    after, number, failed = "", 0, 0
    while True:
        async with database.auth.lend(NOBODY) as lent:
            customers = await billing.customers_after(lent, after, BATCH)
        for customer in customers:
            try:
                await payments.store(customer)
            except Problem as problem:
                failed += 1
                log.warning("customer not reconciled", customer=customer, code=problem.code)
        number += len(customers)
        if len(customers) < BATCH:
            return number, failed
        after = customers[-1]
