"""The kinds of jobs of all products, and the worker that runs them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from db.pool import Database
from graph import schema  # noqa: F401 (types are extended in the order of its imports)
from graph.compliance import jobs as compliance
from graph.delivery import jobs as delivery
from graph.kit.storage import Storage
from graph.platform import incoming
from graph.platform.access_reviews import jobs as access_reviews
from graph.platform.audit import alerting, exporting, verifying
from graph.platform.billing import jobs as billing
from graph.platform.domains import jobs as domains
from graph.platform.files import sweep
from graph.platform.jobs import upkeep
from graph.platform.jobs.kinds import Kind
from graph.platform.jobs.metrics import JobMetrics
from graph.platform.jobs.run import NO_SERVICES, Services
from graph.platform.jobs.worker import Worker
from graph.platform.language_models import credits
from graph.platform.notifications import mailing
from graph.platform.notifications import upkeep as notification_upkeep
from graph.platform.webhooks.upkeep import DELIVERY_DAYS, DISABLED, prune_of
from graph.requirements import bulk_operations, external_jobs, reminders
from graph.requirements.copying import jobs as copying
from graph.requirements.enhancement import job as enhancement
from graph.requirements.exchange import jobs as exchange
from graph.requirements.quality import job as quality
from graph.requirements.reviews import reminders as review_reminders

if TYPE_CHECKING:
    from graph.tracing import Tracing

KINDS = (
    *upkeep.KINDS,
    *notification_upkeep.KINDS,
    *incoming.KINDS,
    *access_reviews.KINDS,
    *domains.KINDS,
    *reminders.KINDS,
    *review_reminders.KINDS,
    *quality.KINDS,
    *credits.KINDS,
    alerting.FIND,
    alerting.NOTIFY,
    verifying.VERIFY,
    *billing.KINDS,
    *enhancement.KINDS,
    *copying.KINDS,
    *compliance.KINDS,
    *delivery.KINDS,
    DISABLED,
)


def worker_of(
    database: Database,
    slots: int,
    metrics: JobMetrics | None = None,
    tracing: "Tracing | None" = None,
    delivery_days: int = DELIVERY_DAYS,
    storage: Storage | None = None,
    services: Services = NO_SERVICES,
    external: Sequence[Kind] = external_jobs.KINDS,
) -> Worker:
    """Return the worker of one process, which runs this number of jobs at a time.

    Deliveries of webhooks are deleted after `delivery_days`. With a `storage`, it sweeps that, and
    runs the jobs that read or write files. `external` are the kinds of jobs of external documents,
    with what they reach. With an `outbox`, it mails notifications.
    """
    outbox = services.outbox
    of_mail = (
        ()
        if outbox is None
        else (*mailing.kinds_of(outbox), upkeep.signing_keys_of(outbox.settings))
    )
    of_files = (
        ()
        if storage is None
        else (
            sweep.kind_of(storage),
            exporting.EXPORT,
            *exchange.KINDS,
            *compliance.FILE_KINDS,
        )
    )
    of_bulk = () if storage is None or services.operations is None else bulk_operations.KINDS
    return Worker(
        database,
        (*KINDS, prune_of(delivery_days), *of_files, *of_bulk, *of_mail, *external),
        slots=slots,
        metrics=metrics,
        tracing=tracing,
        services=replace(services, storage=storage),
    )
