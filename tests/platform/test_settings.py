"""Settings come from the environment, say what is wrong with them, and keep their secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from graph.settings import Settings, SettingsError, table, with_secret

README = Path(__file__).parents[2] / "README.md"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_variable_is_the_field_in_capitals(monkeypatch):
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("ALLOWED_HOSTS", "api.example, localhost")
    monkeypatch.setenv("GATEWAY_POOLER", "transaction")
    settings = Settings()
    assert settings.port == 9000
    assert settings.allowed_hosts == ("api.example", "localhost")
    assert settings.gateway_pooler == "transaction"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "70000", "less than or equal to 65535"),
        ("DATABASE_URL", "mysql://user:hidden@host/db", "it begins with postgresql://"),
        ("GATEWAY_SECRET", "hidden", "it has at least 32 characters"),
        ("PUBLIC_URL", "https://gateway.example/path", "a host and perhaps a port"),
    ],
)
def test_a_wrong_value_is_refused_without_being_repeated(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=says) as refused:
        Settings()
    assert "hidden" not in str(refused.value)


def test_secrets_are_never_shown(monkeypatch):
    monkeypatch.setenv("GATEWAY_SECRET", SECRET)
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden@host/db")
    settings = Settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown
        assert "hidden" not in shown


def test_development_makes_a_secret_once_and_keeps_it(tmp_path):
    settings = Settings(gateway_data_dir=tmp_path / "data")
    first = with_secret(settings).gateway_secret
    assert with_secret(settings).gateway_secret == first
    assert len(first.get_secret_value()) >= 32
    assert (tmp_path / "data/secret").stat().st_mode & 0o777 == 0o600


def test_production_must_be_given_its_secret(tmp_path):
    with pytest.raises(SettingsError, match="Set GATEWAY_SECRET"):
        with_secret(Settings(gateway_env="production", gateway_data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []
    given = Settings(gateway_env="production", gateway_secret=SECRET)
    assert with_secret(given).gateway_secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "port": 80}, "http://localhost:80"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"public_url": "https://gateway.example/"}, "https://gateway.example"),
    ],
)
def test_the_address_for_people_follows_from_the_settings(given, url):
    assert Settings(**given).url == url


def test_the_page_the_product_is_made_for_fits_the_limits():
    requirements = 1 + 100
    blocks = 1 + 10 * (1 + requirements)
    documents = 1 + 10 * (1 + blocks)
    assert documents < Settings().max_cost


def test_every_setting_says_what_it_means():
    lines = table().splitlines()
    assert len(lines) == 2 + len(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        assert field.description
        assert field.description.endswith("."), name


def test_the_readme_lists_the_settings_as_they_are():
    text = README.read_text()
    listed = text.split("<!-- settings -->")[1].split("<!-- /settings -->")[0]
    assert listed.strip() == table().strip()
