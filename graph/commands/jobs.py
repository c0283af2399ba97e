"""Background jobs from the command line: run them, and list those of the gateway itself."""

import asyncio
import signal
from contextlib import suppress

import structlog
from pydantic import SecretStr

from auth.accounts.mail import Outbox
from auth.session import ViewerSession
from auth.text_records import TextRecords
from db import job_queue
from db.logins import Logins
from db.pool import NOBODY
from graph.app import closed, database_of, tracing_of
from graph.bulk import Bulk
from graph.commands.database import opened, require_migrated, require_pooler, running
from graph.http.operation.operations import Operations
from graph.jobs import worker_of
from graph.kit.context import Context
from graph.logs import set_up
from graph.platform.billing.payments import StripePayments
from graph.platform.billing.usage_log import UsageLog
from graph.platform.document_processing import document_processor_of
from graph.platform.files import storage_of
from graph.platform.files.sweep import is_reached
from graph.platform.jobs.metrics import JobMetrics
from graph.platform.jobs.run import Services
from graph.platform.language_models.port import language_model_of, model_terms_of
from graph.platform.webhooks.metrics import WebhookMetrics
from graph.requirements.external_jobs import kinds_of, outbound_of
from graph.schema import schema
from graph.server_secret import with_secret
from graph.settings import Settings
from graph.webhooks import Webhooks, dispatcher_of

log = structlog.get_logger(__name__)


def work(settings: Settings, *, slots: int, drain: float, metrics_port: int | None) -> None:
    """Run jobs until SIGTERM or Ctrl-C; what has not ended `drain` seconds later is given back."""
    settings = with_secret(settings)
    set_up(settings)
    metrics = JobMetrics()
    if metrics_port is not None:
        from prometheus_client import start_http_server

        start_http_server(metrics_port, registry=metrics.registry)
    with running(settings) as at:
        require_pooler(at)
        require_migrated(at)
        with suppress(KeyboardInterrupt):
            asyncio.run(_work(settings, at, slots, drain, metrics))


async def _work(
    settings: Settings, at: Logins, slots: int, drain: float, metrics: JobMetrics
) -> None:
    tracing = tracing_of(settings)
    settings = settings.model_copy(update={"database_url": SecretStr(at.dsn)})
    async with database_of(settings, tracing=tracing) as database:
        days = settings.webhook_retention_days
        storage = storage_of(settings) if is_reached(settings) else None
        outbox = Outbox(settings)
        payments = StripePayments(database, settings)
        usage = UsageLog(database)
        operations = Operations(schema, settings)
        operations.used = usage.operation
        webhooks = Webhooks(database, settings, operations)

        def context_of(session: ViewerSession) -> Context:
            return Context(
                session,
                outbox,
                storage=storage,
                webhooks=webhooks,
                model_terms=model_terms_of(settings),
                payments=payments,
                processes_documents=bool(settings.document_processor_url),
            )

        services = Services(
            language_model_of(settings),
            payments,
            outbox,
            usage=usage,
            operations=Bulk(operations, settings, context_of),
            outbound=outbound_of(settings),
            text_records=TextRecords(settings.name_servers),
        )
        worker = worker_of(
            database,
            slots,
            metrics,
            tracing,
            days,
            storage,
            services,
            kinds_of(outbound_of(settings), document_processor_of(settings), storage),
        )
        sender = WebhookMetrics(metrics.registry)
        dispatcher = dispatcher_of(webhooks, database, settings, sender, usage)

        def stop() -> None:
            worker.stop()
            dispatcher.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        log.info("worker started", name=worker.name, slots=slots)
        sending = asyncio.create_task(dispatcher.run())
        recording = asyncio.create_task(usage.keep_writing())
        try:
            await worker.run(drain)
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            recording.cancel()  # it writes what is left
            await asyncio.gather(recording, return_exceptions=True)
        if storage is not None:
            await storage.close()
        await closed(tracing)
        log.info("worker stopped", name=worker.name)


def own_jobs(settings: Settings) -> list[str]:
    """Return a line for each job of the gateway itself."""

    async def read(at: Logins) -> list[str]:
        async with opened(at) as database, database.auth.lend(NOBODY) as lent:
            rows = await job_queue.list_own(lent)
        return [
            f"{row['kind']:<28}{row['status']:<11}{row['run_at']:%Y-%m-%d %H:%M:%S}"
            f"  {row['error'] or ''}".rstrip()
            for row in rows
        ]

    with running(settings) as at:
        return asyncio.run(read(at))
