"""The routes of the pages of compliance."""

from pathlib import Path

from starlette.routing import BaseRoute, Mount

from auth.accounts.mail import Outbox
from auth.web.site import Site
from db.pool import Database
from graph.administration.client import ApiClient, MakeContext
from graph.compliance_pages.dashboard import DashboardPages
from graph.compliance_pages.pages import ASSETS
from graph.compliance_pages.report import ReportPages
from graph.compliance_pages.sharing import SharingPages
from graph.compliance_pages.starting import StartingPages
from graph.editor.page import Assets
from graph.http.operation.operations import Operations
from graph.kit.storage import Storage
from graph.settings import Settings

STATIC = Path(__file__).parent / "static"


def routes(
    database: Database,
    settings: Settings,
    outbox: Outbox,
    operations: Operations,
    make_context: MakeContext,
    storage: Storage,
) -> list[BaseRoute]:
    """Return the routes beneath /compliance."""
    site, client = Site(database, settings, outbox), ApiClient(operations, make_context)
    return [
        *DashboardPages(site, client, storage.origin).routes(),
        *StartingPages(site, client).routes(),
        *ReportPages(site, client).routes(),
        *SharingPages(site, client).routes(),
        Mount(ASSETS, Assets(directory=STATIC)),
    ]
