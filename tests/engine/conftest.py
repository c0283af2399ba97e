"""Fixtures for tests of the engine."""

import pytest

from graph.settings import Settings
from tests.engine.both import Both


@pytest.fixture(scope="session")
def both(settings: Settings) -> Both:
    """Return the schema with the engine and without."""
    return Both(settings)
