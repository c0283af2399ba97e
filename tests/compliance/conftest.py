"""A tenant whose members upload documents to assess."""

import pytest
from starlette.applications import Starlette

from tests.compliance.assessing import Assessing
from tests.compliance.uploading import Compliance
from tests.world import World


@pytest.fixture
def compliance(world: World, app: Starlette) -> Compliance:
    """Return the tenant, with the storage of its gateway."""
    return Compliance(world, app.state.storage, world.client)


@pytest.fixture
async def assessing(compliance: Compliance) -> Assessing:
    """Return the tenant with frameworks and workers."""
    return await Assessing.alone(compliance)
