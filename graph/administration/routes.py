"""The routes of the pages for administrators."""

from starlette.routing import BaseRoute

from auth.accounts.mail import Outbox
from auth.web.site import Site
from db.pool import Database
from graph.administration.access_reviews import AccessReviewPages
from graph.administration.alerts import AlertPages
from graph.administration.audit import AuditPages
from graph.administration.client import ApiClient, MakeContext
from graph.administration.member import MemberPages
from graph.administration.members import MembersPages
from graph.administration.second_factor import SecondFactorAdministration
from graph.administration.single_sign_on import SingleSignOnAdministration
from graph.administration.soc2.pages import Soc2Pages
from graph.http.operation.operations import Operations
from graph.settings import Settings


def routes(
    database: Database,
    settings: Settings,
    outbox: Outbox,
    operations: Operations,
    make_context: MakeContext,
) -> list[BaseRoute]:
    """Return the routes beneath /members, /access-reviews, /audit and /single-sign-on."""
    site, client = Site(database, settings, outbox), ApiClient(operations, make_context)
    return [
        *MembersPages(site, client).routes(),
        *MemberPages(site, client).routes(),
        *SecondFactorAdministration(site, client).routes(),
        *AccessReviewPages(site, client).routes(),
        *AuditPages(site, client).routes(),
        *SingleSignOnAdministration(site, client).routes(),
        *AlertPages(site, client).routes(),
        *Soc2Pages(site, client).routes(),
    ]
