"""The types of settings: invalid values are refused when the process starts.

A validator's message follows the variable's name: "PUBLIC_URL: it is http:// or ...".
"""

import re
import zlib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from unicodedata import normalize
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from db.addresses import understood

DAYS = 36_500
"""The longest time that a setting gives, in days: PostgreSQL and Python add it to the present."""
DAY = 86_400

SECRET_LENGTH = 32
"""Characters that GATEWAY_SECRET has at least."""


MIN_PACKED = 24
"""Bytes of a secret after compression, at least: a repetitive one could be guessed."""
HOST_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.?)+|\[[0-9a-f:.]+\]")
NAMED_SECRET = re.compile(
    r"[a-z][a-z0-9-]{0,49}=whsec_(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
)
"""A name, and a secret of at least 120 bits."""
DNS_PORT = 53
DEFAULT_PORTS = {"http": 80, "https": 443}


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _postgresql(value: SecretStr | None) -> SecretStr | None:
    if value is None or not value.get_secret_value():
        return None
    return SecretStr(understood(value.get_secret_value()))


def _address(value: SecretStr | None, plain: str, tls: str) -> SecretStr | None:
    if value is None or not value.get_secret_value():
        return None
    try:
        url = urlsplit(value.get_secret_value())
        fits = url.scheme in (plain, tls) and url.hostname and url.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"it is {plain}:// or {tls}://, perhaps user:password@, a host, a port")
    return value


def _sender(value: str) -> str:
    if value and ("@" not in value or not value.isprintable()):
        raise ValueError("it is an e-mail address, perhaps with a name before it")
    return value


def _people(values: tuple[str, ...]) -> tuple[str, ...]:
    addresses = [normalize("NFC", value).lower() for value in values if value]
    if not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in addresses):
        raise ValueError("they are e-mail addresses, separated by commas")
    return tuple(dict.fromkeys(addresses))


def _secret(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if 0 < len(secret) < SECRET_LENGTH:
        raise ValueError(f"it has at least {SECRET_LENGTH} characters")
    if secret and len(zlib.compress(secret.encode())) < MIN_PACKED:
        raise ValueError(
            "it is easily guessed; `python3 -c 'import secrets; print(secrets.token_hex(32))'`"
            " makes a good one"
        )
    return value


def _token(value: SecretStr | None) -> SecretStr | None:
    if value is None or not value.get_secret_value():
        return None
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("it has no spaces, and no characters outside of ASCII")
    return value


def _origin(value: str) -> str:
    return _one_origin(value) if value else value


def _collector(value: str) -> str:
    url = urlsplit(value)
    if value and (url.scheme not in DEFAULT_PORTS or not url.hostname or url.query or url.fragment):
        raise ValueError("it is http:// or https://, a host, perhaps a port and a path")
    return value.rstrip("/")


def _headers(value: SecretStr | None) -> SecretStr | None:
    pairs = value.get_secret_value().split(",") if value else []
    if not all(re.fullmatch(r"\s*[!#$%&'*+.^_`|~\w-]+=[ -~]*", pair, re.ASCII) for pair in pairs):
        raise ValueError("they are name=value, separated by commas, in ASCII")
    return value


def _signing(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not all(re.fullmatch(r"whsec_[!-~]{16,}", value.get_secret_value()) for value in values):
        raise ValueError("they begin with whsec_, separated by commas")
    return values


def _named(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    given = [value.get_secret_value() for value in values]
    if not all(NAMED_SECRET.fullmatch(one) and not one.startswith("stripe=") for one in given):
        raise ValueError("they are a name (a-z, 0-9, -; not stripe), =, whsec_ and base64")
    return values


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_one_origin, values)))


def _one_origin(value: str) -> str:
    """Normalize an origin as browsers send it: in lower case, without its scheme's default port."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    named = url.netloc.rpartition(":")[0] if port else url.netloc.removesuffix(":")
    fits = url.scheme in DEFAULT_PORTS and HOST_NAME.fullmatch(named.lower())
    if not fits or "*" in named or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("an origin is http:// or https://, a host and perhaps a port, no path")
    end = f":{port}" if port and port != DEFAULT_PORTS[url.scheme] else ""
    return f"{url.scheme}://{named.lower()}{end}"


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    hosts = [value.lower() for value in values]
    if not all(host == "*" or HOST_NAME.fullmatch(host) for host in hosts):
        raise ValueError("they are host names, without scheme and port; `*.` stands for any name")
    return tuple(hosts)


def _networks(value: str) -> str:
    for part in value.split(","):
        try:
            if part.strip() not in ("", "*"):
                ip_network(part.strip())
        except ValueError:
            raise ValueError("they are IP addresses and networks, such as 10.0.0.0/8") from None
    return value


def name_server(text: str) -> tuple[str, int]:
    """Return the IP address and port of a name server; the port is 53 by default.

    Raises ValueError.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return str(ip_address(host[1:-1])), int(port)
    if host and ":" not in host:
        return str(ip_address(host)), int(port)
    return str(ip_address(text.strip("[]"))), DNS_PORT


def _name_servers(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            name_server(value)
        except ValueError:
            raise ValueError("they are IP addresses, perhaps with a port") from None
    return values


def _host(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        if not HOST_NAME.fullmatch(value.lower()) or "*" in value:
            raise ValueError("it is an IP address or the name of this machine") from None
    return value


def _folder(value: Path | None) -> Path | None:
    if value is not None and not (value / "postgres").exists():
        raise ValueError("there are no programs of PostgreSQL in it")
    return value


Number = Annotated[int, Field(le=1_000_000_000)]
"""A number of things; nothing here is meant to count more."""
Factor = Annotated[float, Field(ge=0.01, le=1_000_000, allow_inf_nan=False)]
"""A multiple of another setting."""
Seconds = Annotated[float, Field(le=DAY, allow_inf_nan=False)]
"""Seconds to wait, a day at most."""
WholeSeconds = Annotated[int, Field(le=365 * DAY)]
Days = Annotated[int, Field(le=DAYS)]
Several = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Values that commas separate."""
People = Annotated[Several, AfterValidator(_people)]
PostgresAddress = Annotated[SecretStr | None, AfterValidator(_postgresql)]
RedisAddress = Annotated[
    SecretStr | None, AfterValidator(lambda value: _address(value, "redis", "rediss"))
]
SmtpAddress = Annotated[
    SecretStr | None, AfterValidator(lambda value: _address(value, "smtp", "smtps"))
]
Sender = Annotated[str, AfterValidator(_sender)]
Origin = Annotated[str, AfterValidator(_origin)]
CollectorAddress = Annotated[str, AfterValidator(_collector)]
SeveralSecrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
SigningSecrets = Annotated[SeveralSecrets, AfterValidator(_signing)]
NamedSecrets = Annotated[SeveralSecrets, AfterValidator(_named)]
CollectorHeaders = Annotated[SecretStr | None, AfterValidator(_headers)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
FormerSecrets = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_split)]
Token = Annotated[SecretStr | None, AfterValidator(_token)]
Origins = Annotated[Several, AfterValidator(_origins)]
Hosts = Annotated[Several, AfterValidator(_hosts)]
Networks = Annotated[str, AfterValidator(_networks)]
NameServers = Annotated[Several, AfterValidator(_name_servers)]
Host = Annotated[str, AfterValidator(_host)]
Programs = Annotated[Path | None, AfterValidator(_folder)]
