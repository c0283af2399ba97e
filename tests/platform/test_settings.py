"""Settings come from the environment, report their faults, and hide their secrets."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from db.addresses import place
from graph.commands.failure import sentence
from graph.server_secret import with_secret
from graph.settings import Settings, SettingsError
from graph.settings.conflicts import unknown_variables
from graph.settings.table import table

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
        ("PUBLIC_URL", "https://gateway.example?hidden", "a host and perhaps a port"),
        ("CORS_ORIGINS", "https://*.example.com", "a host and perhaps a port"),
        ("CORS_ORIGINS", "app.example.com", "a host and perhaps a port"),
        ("CORS_ORIGINS", "https://app.example.com/path", "no path"),
        ("ALLOWED_HOSTS", "https://api.example.com", "without scheme and port"),
        ("ALLOWED_HOSTS", "api.example.com:443", "without scheme and port"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "IP addresses and networks"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "IP addresses and networks"),
        ("HOST", "http://localhost", "an IP address or the name"),
        ("METRICS_TOKEN", "hidden token", "no spaces"),
        ("GATEWAY_PG_BIN", "/nowhere", "no programs of PostgreSQL"),
        ("GATEWAY_SECRET", "a" * 32, "easily guessed"),
        ("GATEWAY_SECRET", "password" * 5, "easily guessed"),
        ("DATABASE_URL", "postgresql://u:hidden@h/d?sslmdoe=require", "sslmdoe is not understood"),
        ("DATABASE_URL", "postgresql://u:hidden@h/d?schema=app", "schema is not understood"),
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


FREE = {
    "GATEWAY_DATA_DIR": "a folder is made",
}
"""Settings that may have any value, and the reason."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_what_cannot_do_what_it_says_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "no://such thing#\N{SNOWMAN}")
    if name in FREE:
        Settings()
        return
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_origins_are_taken_as_browsers_send_them():
    given = "https://slash.example.com/,https://UPPER.example.com, https://port.example.com:443,"
    settings = Settings(cors_origins=f"{given}http://[::1]:3000")
    assert settings.cors_origins == (
        "https://slash.example.com",
        "https://upper.example.com",
        "https://port.example.com",
        "http://[::1]:3000",
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://u:p@h/d?sslmode=require&channel_binding=require", "?sslmode=require"),
        ("postgres://u:p@h/d?connect_timeout=5&keepalives=1&pgbouncer=true&schema=public", ""),
        ("postgresql://u:p@db1:5432,db2:5432/d?target_session_attrs=read-write", None),
        ("postgresql://u:p%40ss%25w%2Frd@[::1]:5432/d", None),
    ],
)
def test_addresses_of_providers_are_understood(given, kept):
    expected = given if kept is None else given.partition("?")[0] + kept
    assert Settings(database_url=given).logins.dsn == expected


def test_where_a_database_is_is_told_without_who_logs_in():
    assert place("postgresql://u:p@db1:5432,db2:5433/d") == "db1:5432,db2:5433/d"
    assert place("postgresql://u:p@db1/d") == "db1:5432/d"


NUMBERS = [
    name for name, field in Settings.model_fields.items() if field.annotation in (int, float)
]


@pytest.mark.slow
def test_every_number_has_an_end(monkeypatch):
    for name in NUMBERS:
        for value in ("9" * 20, "inf", "nan", "-1"):
            monkeypatch.setenv(name.upper(), value)
            with pytest.raises(ValidationError, match=name):
                Settings()
        monkeypatch.delenv(name.upper())


def test_a_time_limit_that_postgresql_takes_for_none_is_refused(monkeypatch):
    monkeypatch.setenv("STATEMENT_TIMEOUT", "0.0009")
    with pytest.raises(ValidationError, match="statement_timeout"):
        Settings()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"REFRESH_TOKEN_DAYS": "90", "REFRESH_TOKEN_MAX_DAYS": "60"}, "beyond 60, because of"),
        ({"SESSION_IDLE_HOURS": "48", "SESSION_DAYS": "1"}, "SESSION_IDLE_HOURS has no effect"),
        ({"LIVE_SUBSCRIPTIONS_PER_CONNECTION": "201"}, "because of LIVE_SUBSCRIPTIONS_PER_PERSON"),
        ({"MAX_DOCUMENT_LENGTH": "2000000"}, "beyond 1000000, because of BODY_LIMIT"),
        ({"OWNER_DATABASE_URL": "postgresql://h/d"}, "has no effect without DATABASE_URL"),
        ({"DATABASE_LOGINS": "separate"}, "has no effect without DATABASE_URL"),
        ({"GATEWAY_ENV": "production", "SIGN_UP": "open"}, "SIGN_UP=open sends mail: set SMTP_URL"),
        (
            {"PUBLIC_URL": "https://a.example.com", "PASSKEY_DOMAIN": "evil.com"},
            "a domain above it",
        ),
        ({"PUBLIC_URL": "https://aexample.com", "PASSKEY_DOMAIN": "example.com"}, "above it"),
    ],
)
def test_what_has_no_effect_beside_other_settings_is_refused(monkeypatch, given, says):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=says) as refused:
        Settings()
    assert sentence(refused.value).startswith("Settings: ")


def test_a_default_is_no_contradiction(monkeypatch):
    monkeypatch.setenv("REFRESH_TOKEN_MAX_DAYS", "7")
    monkeypatch.setenv("SESSION_DAYS", "1")
    assert Settings().refresh_token_days == 30


def test_a_variable_that_resembles_a_setting_is_named():
    names = [
        "CORS_ORIGIN",
        "GATEWAY_NONSENSE",
        "REDIS_HOST",
        "PATH",
        "DATABASE_URL",
        "trusted_proxy",
    ]
    assert unknown_variables(names, Settings.model_fields) == {
        "CORS_ORIGIN": "CORS_ORIGINS",
        "GATEWAY_NONSENSE": None,
        "TRUSTED_PROXY": "TRUSTED_PROXIES",
    }
