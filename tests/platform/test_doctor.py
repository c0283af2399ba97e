"""The findings of `doctor` on the settings."""

import pytest
from pydantic import SecretStr

from graph.commands import doctor
from tests.conftest import SECRET


@pytest.mark.parametrize(
    ("url", "found"),
    [("http://gateway.example", True), ("https://gateway.example", False), ("", True)],
)
def test_production_without_https_is_found(settings, monkeypatch, url, found):
    monkeypatch.delenv("GATEWAY_NO_SKIP", raising=False)
    production = {"gateway_env": "production", "public_url": url}
    (finding,) = doctor._settings(
        settings.model_copy(update=production | {"gateway_secret": SecretStr(SECRET)})
    )
    assert bool(finding.advice) == found
    assert ("https" in finding.advice) == found
