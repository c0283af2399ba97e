"""Requests of the gateway to addresses that users give, which must not lead into its own network.

Server-side request forgery (CWE-918): an address is checked by what its name resolves to, the
connection goes to the address that was checked, and each redirect is checked like the first.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NoReturn

import httpx2

from db.problem import Problem
from db.trace_context import trace_headers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host name. Raises OSError."""

# The lists of the standard library differ between versions of Python, and have gaps. This is the
# IANA registry of special-purpose addresses; of IPv6, only global unicast is not special.
SPECIAL_IPV4 = [
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
]
GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All else, such as ::1, ::ffff:0:0/96 (IPv4-mapped), 64:ff9b::/96 (NAT64), fc00::/7 and fe80::/10,
is not public."""
SPECIAL_IPV6 = [
    ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
"""Within it: tunnels, such as Teredo and 6to4, that may end anywhere, and documentation."""

HTTPS, MIN_OTHER_PORT = 443, 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
KEEPING_METHOD = frozenset({307, 308})
RESOLVERS = ThreadPoolExecutor(16, "resolve")
"""Threads of their own: a name server that does not answer holds up nothing else."""
PINNED = 60.0
"""Seconds for which a `Line` connects to an address without resolving its name again."""


class UnreachableError(Exception):
    """The server did not answer, or not within the limits; the message says why."""


class AnswerTooLongError(UnreachableError):
    """The answer has more bytes than the limit."""


@dataclass(frozen=True)
class Answer:
    """The answer of the last address, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, by the resolver of this machine."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        RESOLVERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return [str(address[0]).partition("%")[0] for *_, address in found]


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return address in GLOBAL_IPV6 and not any(address in network for network in SPECIAL_IPV6)


@dataclass(frozen=True)
class Outbound:
    """Requests to public servers, bounded in bytes, seconds and redirects.

    `networks` are allowed although they are not public. `insecure` allows http besides https.
    Addresses that are refused raise INVALID with one message, whatever a name resolves to: nobody
    learns by it which names there are in the network of the gateway.
    """

    networks: Collection[Network] = ()
    insecure: bool = False
    most_bytes: int = 1_000_000
    seconds: float = 10.0
    redirects: int = 3
    resolve: Resolve = resolve
    trust: ssl.SSLContext | None = None

    async def require_public(self, url: str, field: Sequence[str | int] = ()) -> None:
        """Raise INVALID unless the address leads to a public server now."""
        target = _parsed(url, field)
        try:
            async with asyncio.timeout(self.seconds):
                await self.pinned(target, field)
        except TimeoutError:
            _refuse(field)

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        field: Sequence[str | int] = (),
    ) -> Answer:
        """Send a request, and follow redirects.

        Headers and content go to the origin of the first address alone. Raises INVALID for an
        address that is not allowed, `UnreachableError` where there is no answer.
        """
        target, sent = _parsed(url, field), {**trace_headers(), **(headers or {})}
        try:
            # No connection is kept: a pool would use it for another name at the same address.
            async with (
                asyncio.timeout(self.seconds),
                httpx2.AsyncClient(
                    verify=self.trust or _trust(),
                    trust_env=False,
                    limits=httpx2.Limits(max_keepalive_connections=0),
                    timeout=self.seconds,
                ) as client,
            ):
                for _ in range(self.redirects + 1):
                    request = (method, target, sent, content)
                    answer, location = await self._once(client, *request, field)
                    if location is None:
                        return answer
                    following = target.join(location)
                    if answer.status not in KEEPING_METHOD and method != "HEAD":
                        method, content = "GET", b""
                    if _origin(following) != _origin(target):
                        sent, content = {}, b""
                    target = following
        except TimeoutError:
            raise UnreachableError(f"No answer within {self.seconds:g} seconds.") from None
        except httpx2.InvalidURL:
            _refuse(field)
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{type(error).__name__}.") from error
        raise UnreachableError(f"More than {self.redirects} redirects.")

    def line(self, url: str, *, connections: int) -> "Line":
        """Return requests to one URL, over at most this number of connections that are kept."""
        return Line(self, _parsed(url, ()), connections)

    async def _once(
        self,
        client: httpx2.AsyncClient,
        method: str,
        target: httpx2.URL,
        headers: Mapping[str, str],
        content: bytes,
        field: Sequence[str | int],
    ) -> tuple[Answer, str | None]:
        """Return the answer of one address, and where it redirects to."""
        address = await self.pinned(target, field)
        request = _request(client, method, target, address, headers, content)
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self.most_bytes:
                    raise AnswerTooLongError(f"The answer has more than {self.most_bytes} bytes.")
        finally:
            await response.aclose()
        location = response.headers.get("location") if response.status_code in REDIRECTS else None
        answer = Answer(response.status_code, dict(response.headers), bytes(body), str(target))
        return answer, location

    async def pinned(self, target: httpx2.URL, field: Sequence[str | int]) -> Address:
        """Return the address to connect to. All addresses of the name must be allowed."""
        schemes = ("https", "http") if self.insecure else ("https",)
        port = target.port or (HTTPS if target.scheme == "https" else 80)
        usual = port == HTTPS or port >= MIN_OTHER_PORT or (self.insecure and port == 80)  # noqa: PLR2004 (http)
        if target.scheme not in schemes or not target.host or target.userinfo or not usual:
            _refuse(field)
        try:
            found = [
                ip_address(text)
                for text in await self.resolve(target.raw_host.decode("ascii").strip("[]"), port)
            ]
        except (OSError, ValueError):
            _refuse(field)
        if not found or not all(map(self._allows, found)):
            _refuse(field)
        return found[0]

    def _allows(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self.networks)


class Line:
    """Requests to one URL over connections that are kept, to an address that was checked.

    They are used for this URL alone, whose certificate the first request has seen. The name is
    resolved again after a minute; an address that is not allowed any more is not connected to.
    """

    def __init__(self, outbound: Outbound, target: httpx2.URL, connections: int) -> None:
        self._outbound, self._target = outbound, target
        self._connections = connections
        self._client: httpx2.AsyncClient | None = None
        self._address: Address | None = None
        self._checked = -PINNED

    async def post(self, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send a request, and return the answer, also if it is a redirect: none is followed.

        Of a long body the beginning is returned. Raises INVALID for an address that is not allowed,
        `UnreachableError` where there is no answer.
        """
        try:
            async with asyncio.timeout(self._outbound.seconds):
                client = await self._connected()
                assert self._address is not None  # noqa: S101 (it is connected)
                target = self._target
                request = _request(client, "POST", target, self._address, headers, content)
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    body = await _beginning(response, self._outbound.most_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            seconds = self._outbound.seconds
            raise UnreachableError(f"No answer within {seconds:g} seconds.") from None
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{type(error).__name__}.") from error
        return Answer(response.status_code, dict(response.headers), body, str(target))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _connected(self) -> httpx2.AsyncClient:
        now = time.monotonic()
        if now - self._checked >= PINNED:
            address = await self._outbound.pinned(self._target, ())
            self._address, self._checked = address, now
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=self._outbound.trust or _trust(),
                trust_env=False,
                limits=httpx2.Limits(
                    max_connections=self._connections,
                    max_keepalive_connections=self._connections,
                    keepalive_expiry=PINNED,
                ),
                timeout=self._outbound.seconds,
            )
        return self._client


def _request(
    client: httpx2.AsyncClient,
    method: str,
    target: httpx2.URL,
    address: Address,
    headers: Mapping[str, str],
    content: bytes,
) -> httpx2.Request:
    """Return a request to the address, which names the host that was asked for."""
    return client.build_request(
        method,
        target.copy_with(host=str(address)),
        headers={
            "Accept-Encoding": "identity",  # what is counted is what is kept
            **headers,
            "Host": target.netloc.decode("ascii"),
        },
        content=content or None,
        extensions={"sni_hostname": target.raw_host.decode("ascii")},
    )


async def _beginning(response: httpx2.Response, most: int) -> bytes:
    """Return the first bytes of a body, at most this number."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])


def _parsed(url: str, field: Sequence[str | int]) -> httpx2.URL:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL:
        _refuse(field)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _refuse(field: Sequence[str | int]) -> NoReturn:
    raise Problem("INVALID", "The URL does not lead to a public server.", field=field) from None


@cache
def _trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context()
