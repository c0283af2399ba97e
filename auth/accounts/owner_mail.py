"""Notify the owners of an organization by mail of accounts and keys that may act in its name."""

from contextlib import suppress
from uuid import UUID

from auth.accounts.mail import Outbox, mail, now
from auth.session import ViewerSession
from db.pool import NOBODY, Database
from db.problem import Problem

OWNERS = """
SELECT p.email, o.name AS organization, coalesce(a.full_name, a.email) AS account,
    coalesce(b.full_name, b.email) AS maker
FROM organizations o
JOIN organization_members m ON m.organization_id = o.id AND m.role = 'owner'
    AND m.deleted_at IS NULL AND m.status = 'active'
JOIN profiles p ON p.id = m.user_id AND p.deleted_at IS NULL AND p.status = 'active'
LEFT JOIN profiles a ON a.id = $2
LEFT JOIN profiles b ON b.id = $3
WHERE o.id = $1 ORDER BY m.created_at LIMIT 50
"""


def tell(
    session: ViewerSession,
    outbox: Outbox | None,
    template: str,
    organization_id: UUID,
    account_id: UUID | None,
    **values: object,
) -> None:
    """Mail this to every owner, once the viewer's change is committed.

    Beside `values` the template gets the names of the `organization`, of the `account` that it is
    about, if there is one, and of the `maker`, who is the viewer.
    """
    maker = session.viewer.id

    def start() -> None:
        with suppress(Problem):  # it is done, whether or not it can be mailed now
            if outbox:
                about = (organization_id, account_id, maker)
                outbox.start(_mail(session.database, outbox, template, about, values))

    if outbox and outbox.reaches_people:
        session.when_kept(start)


async def _mail(
    database: Database,
    outbox: Outbox,
    template: str,
    about: tuple[UUID | None, ...],
    values: dict[str, object],
) -> None:
    async with database.auth.lend(NOBODY) as lent:
        owners = await lent.fetch(OWNERS, *about)
    for owner in map(dict, owners):
        context = owner | values | {"time": now()}
        outbox.tell(mail(template, context.pop("email"), outbox.settings, **context))
