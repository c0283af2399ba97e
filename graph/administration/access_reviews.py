"""The pages of access reviews: list, create, decide, close, cancel, and download the report."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.pages.owners import id_in
from auth.viewer import Role, Viewer
from auth.web.page import SECURE
from auth.web.site import answering
from db.core.access_reviews import MAX_REVIEWERS
from db.problem import Problem
from graph.administration import access_review_operations as api
from graph.administration.pages import (
    ObjectPages,
    Sent,
    back_to,
    day,
    end_of,
    path_of,
    safe_id,
)

REVIEWS = "/access-reviews"
REVIEW, NEW = f"{REVIEWS}/review", f"{REVIEWS}/new"
VERDICTS = {"CONFIRM": "confirmed", "REVOKE": "revoked"}
REVIEWER = "reviewer"
"""The field of the form for a new review that is sent once for each reviewer."""


class AccessReviewPages(ObjectPages):
    """Access reviews; NOT_FOUND for those who administer no organization or project."""

    path, title = REVIEWS, "Access reviews"
    news: Mapping[str, str] = {
        "created": "The access review has been created, and its reviewers have been notified.",
        "confirmed": "The access has been confirmed.",
        "revoked": "The access has been revoked.",
        "closed": "The access review has been closed, and has a report.",
        "cancelled": "The access review has been cancelled.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(REVIEWS, answering(self.show)),
            Route(NEW, answering(self.offer)),
            Route(NEW, answering(self.create), methods=["POST"]),
            Route(REVIEW, answering(self.show_one)),
            Route(f"{REVIEW}/decide", answering(self.decide), methods=["POST"]),
            Route(f"{REVIEW}/close", answering(self.close), methods=["POST"]),
            Route(f"{REVIEW}/cancel", answering(self.cancel), methods=["POST"]),
            Route(f"{REVIEW}/report", answering(self.report)),
        ]

    def _open_to(self, viewer: Viewer) -> Collection[UUID]:
        """Return the organizations in which the viewer administers anything that is reviewed."""
        found = set(super()._open_to(viewer))
        for scope in viewer.scopes_with(Role.ADMIN):
            place = viewer.places.get(scope)
            if place and place.key == "project_id" and place.organization_id:
                found.add(place.organization_id)
        return viewer.organizations & found

    async def show(self, request: Request) -> Response:
        """List the access reviews of an organization, or the organizations."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        after = request.query_params.get("after") or None
        data = await self._client.run(request, viewer, api.LIST, id=str(chosen), after=after)
        organization = data["organization"]
        info = organization["accessReviews"]["pageInfo"]
        return self._form(
            request,
            "access_reviews.html",
            organization=organization,
            reviews=organization["accessReviews"]["nodes"],
            further=path_of(REVIEWS, organization=chosen, after=info["endCursor"])
            if info["hasNextPage"]
            else None,
        )

    async def offer(self, request: Request) -> Response:
        """Show the form for a new access review."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._ask(request, viewer, organization, {}, [str(viewer.id)])

    async def create(self, request: Request) -> Response:
        """Create an access review."""
        sent, reviewers = await self._sent_several(request, REVIEWER, MAX_REVIEWERS + 20, _list_of)
        try:
            input = _review_of(sent, reviewers)
            data = await self._client.run(
                request, sent.viewer, api.CREATE, key=sent.key, input=input
            )
        except Problem as problem:
            return await self._ask(
                request, sent.viewer, sent.organization, sent.fields, reviewers, problem
            )
        made = data["accessReviewCreate"]["accessReview"]["id"]
        return back_to(REVIEW, organization=sent.organization, id=made, news="created")

    async def show_one(self, request: Request) -> Response:
        """Show an access review with its grants."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._page(request, viewer, organization, request.query_params)

    async def decide(self, request: Request) -> Response:
        """Confirm or revoke a grant."""
        sent = await self._sent(request, _one_of)
        try:
            decision = _decision_of(sent)
            await self._client.run(
                request,
                sent.viewer,
                api.DECIDE,
                key=sent.key,
                id=sent.id(),
                decisions=[decision],
            )
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._there(sent, VERDICTS[decision["verdict"]])

    async def close(self, request: Request) -> Response:
        """Close an access review."""
        sent = await self._sent(request, _one_of)
        return await self._write(request, sent, "closed", api.CLOSE)

    async def cancel(self, request: Request) -> Response:
        """Cancel an access review."""
        sent = await self._sent(request, _one_of)
        return await self._write(request, sent, "cancelled", api.CANCEL)

    async def report(self, request: Request) -> Response:
        """Return the report of a closed access review as a file."""
        viewer = await self._site.signed_in(request)
        self._organization(viewer, request.query_params)
        id = str(id_in(request.query_params))
        review = (await self._client.run(request, viewer, api.REPORT, id=id))["accessReview"]
        if review["report"] is None:
            raise Problem("NOT_FOUND", "The access review has no report.")
        name = f'attachment; filename="access-review-{id}.json"'
        return Response(
            review["report"]["content"],
            media_type="application/json",
            headers={**SECURE, "Content-Disposition": name},
        )

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the access review that `values` name, and a page of its grants."""
        pending = values.get("only", "") == "PENDING"
        data = await self._client.run(
            request,
            viewer,
            api.READ,
            id=str(id_in(values)),
            after=values.get("after") or None,
            filter={"decision": {"eq": "PENDING"}} if pending else None,
        )
        review = data["accessReview"]
        if review["organizationId"] != str(organization):
            raise Problem("NOT_FOUND", "There is no such access review.")
        items, info = review["items"]["nodes"], review["items"]["pageInfo"]
        me, author = str(viewer.id), (review["createdBy"] or {}).get("id")
        scopes = [organization, *([UUID(review["projectId"])] if review["projectId"] else [])]
        owns = any(viewer.grants.get(id, Role.ANYONE) >= Role.OWNER for id in scopes)
        place = {"organization": organization, "id": review["id"]}
        only = "PENDING" if pending else ""
        return self._form(
            request,
            "access_review.html",
            problem,
            review=review,
            items=items,
            now=await self._changed(request, viewer, items),
            is_open=review["state"] == "OPEN",
            is_reviewer=me in [person["id"] for person in review["reviewers"]],
            may_end=review["state"] == "OPEN" and (author in (None, me) or owns),
            me=me,
            only=only,
            after=values.get("after", ""),
            all_path=path_of(REVIEW, **place),
            pending_path=path_of(REVIEW, **place, only="PENDING"),
            report_path=path_of(f"{REVIEW}/report", **place),
            further=path_of(REVIEW, **place, only=only, after=info["endCursor"])
            if info["hasNextPage"]
            else None,
        )

    def _there(self, sent: Sent, news: str) -> Response:
        """Redirect to the same part of the access review."""
        only = "PENDING" if sent.fields.get("only") == "PENDING" else ""
        return back_to(
            REVIEW,
            organization=sent.organization,
            id=sent.id(),
            only=only,
            after=sent.fields.get("after", ""),
            news=news,
        )

    async def _changed(
        self, request: Request, viewer: Viewer, items: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the grants as they are now, by ID, of those that have changed."""
        ids = [item["grantId"] for item in items if item["isStale"]]
        if not ids:
            return {}
        found = (await self._client.run(request, viewer, api.GRANTS, ids=ids))["nodes"]
        return {grant["id"]: grant for grant in found if grant and "version" in grant}

    async def _ask(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        entered: Mapping[str, str],
        reviewers: Collection[str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the form for a new access review, as it was last sent."""
        data = await self._client.run(request, viewer, api.CHOICES, id=str(organization))
        found = data["organization"]
        whole = viewer.grants.get(organization, Role.ANYONE) >= Role.ADMIN
        own = {str(id) for id in viewer.scopes_with(Role.ADMIN)}
        people = [member["user"] for member in found["members"]["nodes"] if member["user"]]
        people = [person for person in people if not person["isService"]]
        if str(viewer.id) not in [person["id"] for person in people]:
            people.append({"id": str(viewer.id), "fullName": None, "email": viewer.email})
        return self._form(
            request,
            "access_review_new.html",
            problem,
            organization=found,
            whole=whole,
            projects=[each for each in found["projects"]["nodes"] if whole or each["id"] in own],
            people=people,
            reviewers=reviewers,
            entered=entered,
        )


def _review_of(sent: Sent, reviewers: Sequence[str]) -> dict[str, Any]:
    """Return the input for a new access review. Raises INVALID and NOT_FOUND."""
    due = end_of(day(sent.fields, "dueDate"))
    if due is None:
        raise Problem("INVALID", "Enter the day on which the review ends.", field=["dueDate"])
    if not reviewers:
        raise Problem("INVALID", "Select at least one reviewer.", field=["reviewerIds"])
    return {
        "objectId": sent.id("object"),
        "name": sent.fields.get("name", ""),
        "description": sent.text("description"),
        "dueDate": due,
        "reviewerIds": list(reviewers),
        "endsUnconfirmed": "endsUnconfirmed" in sent.fields,
    }


def _decision_of(sent: Sent) -> dict[str, Any]:
    """Return the decision in a form. Raises INVALID and NOT_FOUND."""
    verdict = sent.fields.get("verdict", "")
    if verdict not in VERDICTS:
        raise Problem("INVALID", "Confirm or revoke the access.")
    decision: dict[str, Any] = {"itemId": sent.id("item"), "verdict": verdict}
    if comment := sent.text("comment"):
        decision["comment"] = comment
    if verdict == "CONFIRM":
        decision["grantVersion"] = sent.version()
    return decision


def _list_of(fields: Mapping[str, str]) -> str:
    return path_of(REVIEWS, organization=safe_id(fields, "organization"))


def _one_of(fields: Mapping[str, str]) -> str:
    there = {name: safe_id(fields, name) for name in ("organization", "id")}
    return path_of(REVIEW, **there)
