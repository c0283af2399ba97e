"""AWS Signature Version 4: signed requests, and signed addresses (presigned URLs)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SAFE = "-_.~"


@dataclass(frozen=True)
class Signer:
    """Signs for one region of S3 with one pair of keys."""

    region: str
    access_key: str
    secret_key: str

    def presign(
        self,
        method: str,
        url: str,
        life: timedelta,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime | None = None,
    ) -> str:
        """Return the address at which this request is allowed for this time.

        Whoever uses it sends the `headers` as they are given, `Host` apart.
        """
        at = at or datetime.now(UTC)
        signed = {"host": urlsplit(url).netloc} | {k.lower(): v for k, v in headers.items()}
        given = {
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.access_key}/{self._scope(at)}",
            "X-Amz-Date": _stamp(at),
            "X-Amz-Expires": str(int(life.total_seconds())),
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
        }
        signature = self._signature(method, url, given, signed, UNSIGNED, at)
        return f"{url}?{encoded(given)}&X-Amz-Signature={signature}"

    def headers(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
        at: datetime | None = None,
        digest: str | None = None,
    ) -> dict[str, str]:
        """Return the headers of a request that the gateway itself sends.

        `digest` is the SHA-256 of a body that is not in memory, in hexadecimal.
        """
        at = at or datetime.now(UTC)
        digest = digest or sha256(body).hexdigest()
        signed = {
            "host": urlsplit(url).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": _stamp(at),
        } | {k.lower(): v for k, v in headers.items()}
        signature = self._signature(method, url, query, signed, digest, at)
        return signed | {
            "authorization": f"{ALGORITHM} Credential={self.access_key}/{self._scope(at)},"
            f" SignedHeaders={';'.join(sorted(signed))}, Signature={signature}"
        }

    def _scope(self, at: datetime) -> str:
        return f"{at:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        digest: str,
        at: datetime,
    ) -> str:
        canonical = "\n".join(
            (
                method,
                urlsplit(url).path or "/",
                encoded(query),
                *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
                "",
                ";".join(sorted(headers)),
                digest,
            )
        )
        text = "\n".join(
            (ALGORITHM, _stamp(at), self._scope(at), sha256(canonical.encode()).hexdigest())
        )
        key = f"AWS4{self.secret_key}".encode()
        for part in (f"{at:%Y%m%d}", self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, text.encode(), "sha256").hexdigest()


def encoded_key(key: str) -> str:
    """Return the key of an object as a path."""
    return quote(key, safe=f"/{SAFE}")


def encoded(query: Mapping[str, str]) -> str:
    """Return a query string in the form that is signed: sorted, and fully encoded."""
    parts = ((quote(name, safe=SAFE), quote(query[name], safe=SAFE)) for name in query)
    return "&".join(f"{name}={value}" for name, value in sorted(parts))


def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"
