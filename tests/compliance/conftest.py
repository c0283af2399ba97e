"""A tenant whose members upload documents to assess."""

import pytest
from starlette.applications import Starlette

from tests.compliance.uploading import Compliance
from tests.world import World


@pytest.fixture
def compliance(world: World, app: Starlette) -> Compliance:
    """Return the tenant, with the storage of its gateway."""
    return Compliance(world, app.state.storage, world.client)
