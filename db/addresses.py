"""Addresses of PostgreSQL as providers give them, with parameters of other drivers.

asyncpg sends every parameter of an address that it does not know as a setting of the server.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

SCHEMES = ("postgresql", "postgres")
KNOWN = {
    *("host", "port", "dbname", "database", "user", "password", "passfile", "service"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("target_session_attrs", "krbsrvname", "gsslib", "application_name", "options"),
}
"""Parameters that asyncpg understands, or the server (`options`)."""
NEEDLESS = {
    "channel_binding": "TLS and SCRAM are as they are",
    "connect_timeout": "CONNECTION_WAIT counts",
    "connection_limit": "APP_CONNECTIONS and others count",
    "fallback_application_name": "the gateway has a name",
    "gssencmode": "it is not used",
    "keepalives": "connections are looked after",
    "keepalives_count": "connections are looked after",
    "keepalives_idle": "connections are looked after",
    "keepalives_interval": "connections are looked after",
    "pgbouncer": "GATEWAY_POOLER counts",
    "pool_timeout": "CONNECTION_WAIT counts",
    "sslcompression": "it is off",
    "sslsni": "it is on",
    "tcp_user_timeout": "connections are looked after",
}
"""Parameters that other drivers understand, and why the gateway does without."""
FIXED = {"schema": "public"}
"""Parameters with the one value that the gateway has for them."""


def understood(address: str) -> str:
    """Return the address without needless parts. Raises ValueError for what it does not support."""
    try:
        parts = urlsplit(address)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("it is no address: encode special characters with per cent") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("it begins with postgresql://")
    kept = []
    for name, value in given:
        if FIXED.get(name) == value or name in NEEDLESS:
            continue
        if name not in KNOWN:
            raise ValueError(f"{name} is not understood; leave it out")
        kept.append((name, value))
    return urlunsplit(parts._replace(query=urlencode(kept)))


def place(address: str) -> str:
    """Return the hosts, ports and database of an address, without user and password."""
    parts = urlsplit(address)
    hosts = parts.netloc.rpartition("@")[2] or "localhost"
    return f"{hosts if ':' in hosts else f'{hosts}:5432'}{parts.path}"
