"""Bulk requests of SCIM (RFC 7644, section 3.7), in which new users share transactions."""

from collections.abc import Mapping

from scim2_models import BulkOperation, Error
from scim2_server.bulk import BulkPlan
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation
from scim2_server.service import ScimService

from graph.scim.bridge import Bridge
from graph.scim.resources import User

TOGETHER = 250
"""The most users that are created in one transaction, which locks the organization."""


class Handler(ScimHandler):
    """A handler that creates users who follow one another in a bulk request together."""

    def __init__(self, service: ScimService, storage: Bridge) -> None:
        super().__init__(service, storage)
        self._bridge = storage

    def bulk(self, request: ScimRequest) -> ScimResponse:
        """Run a bulk request.

        Each operation succeeds or fails for itself. With `failOnErrors`, users are created together
        only if all can be, so that none is created after the last error that the client accepts.
        """
        with self.service.provider:
            self.service.route(request, Operation.bulk)
            plan = self.service.read_bulk(request.body, request.header("Content-Type"))
            runs = new_users(plan)
            for step in plan:
                if users := runs.get(step.index):
                    limited = plan.fail_on_errors is not None
                    self._bridge.create_ahead(users, all_or_none=limited)
                result, resource = self.run_bulk_step(request, plan, step)
                plan.record(step, result, resource)
            return self.service.bulk_response(plan)


def new_users(plan: BulkPlan) -> Mapping[int, list[User]]:
    """Return the users that are created one after the other, by the position of the first."""
    runs: dict[int, list[User]] = {}
    run: list[User] = []
    for step in plan.steps:
        operation = plan.operation(step)
        user = operation.data if isinstance(operation.data, User) else None
        is_new = (
            operation.method == BulkOperation.Method.post
            and not isinstance(operation.response, Error)
            and plan.is_creation(step.index, operation.bulk_id)
            and not plan.references(operation)
        )
        if user is None or not is_new:
            run = []
            continue
        if len(run) in (0, TOGETHER):
            run = runs[step.index] = []
        run.append(user)
    return runs
