"""The page on which a person chooses how they are notified; mails link to it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import notification_preferences as preferences
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.site import Site, answering, see
from db.core.notifications import NotificationKind, NotificationMail
from db.problem import Problem

HERE = "/account/notifications"
KINDS = {
    NotificationKind.ASSIGNMENTS: "Assignments and due dates",
    NotificationKind.COMMENTS: "Comments and mentions",
    NotificationKind.REVIEWS: "Reviews",
    NotificationKind.ROLES: "Roles, memberships and invitations",
    NotificationKind.BILLING: "Billing: payments, trials and limits of plans",
    NotificationKind.SECURITY: "Security alerts of organizations that you administer",
    NotificationKind.SYSTEM: "Messages of the gateway",
}
MAIL = {
    NotificationMail.OFF: "No mail",
    NotificationMail.AT_ONCE: "At once",
    NotificationMail.DAILY: "Once a day, with all that are unread",
}


class NotificationPages:
    """A person's preferences for notifications."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.save), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the preference for every kind."""
        viewer = await self._site.signed_in(request, HERE)
        found = await preferences.read(self._site.database, viewer)
        news = "saved" if request.query_params.get("news") == "saved" else ""
        return self._site.form(
            request,
            "notifications.html",
            cookie=cookies.SESSION,
            news=news and "Your preferences have been saved.",
            preferences=found,
            kinds=KINDS,
            mail=MAIL,
        )

    async def save(self, request: Request) -> Response:
        """Change the preferences of every kind. Raises INVALID for a value that there is not."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, HERE)
        try:
            changes = {
                kind: {
                    "in_app": f"{kind.value}_in_app" in fields,
                    "mail": NotificationMail(fields.get(f"{kind.value}_mail", "")),
                }
                for kind in NotificationKind
            }
        except ValueError:
            raise Problem("INVALID", "Choose when you get mail.") from None
        await preferences.save(self._site.database, viewer, changes, origin_of(request))
        return see(f"{HERE}?news=saved")
