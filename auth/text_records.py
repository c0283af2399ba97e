"""TXT records of the DNS (RFC 1035, section 3.3.14), by which domains are verified.

A look-up is bounded in time and in size; an answer that does not fit into a datagram is asked for
over TCP, and is at most 64 KB by the protocol. A chain of aliases ends with the resolver's limit.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

MAX_RECORDS = 200
"""TXT records of one name that are read; a domain has few."""


class NoAnswerError(Exception):
    """The name servers gave no answer, so that nothing is known of the name."""


class TextRecords:
    """Look-ups of TXT records at these name servers, or at those of this machine.

    A name server is an IP address and a port. A look-up takes `seconds` at most.
    """

    def __init__(self, servers: Sequence[tuple[str, int]] = (), seconds: float = 5.0) -> None:
        self._servers, self._seconds = tuple(servers), seconds

    async def of(self, name: str) -> frozenset[str]:
        """Return the texts of a name, empty when there is none. Raises NoAnswerError.

        The strings of one record are one text (RFC 7208, section 3.3).
        """
        try:
            found = await self._resolver.resolve(
                dns.name.from_text(name),
                dns.rdatatype.TXT,
                lifetime=self._seconds,
                search=False,
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return frozenset()
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NoAnswerError(type(error).__name__) from error
        texts = []
        for record in list(found)[:MAX_RECORDS]:
            with suppress(UnicodeDecodeError):
                texts.append(b"".join(record.strings).decode("ascii"))
        return frozenset(texts)

    @cached_property
    def _resolver(self) -> dns.asyncresolver.Resolver:
        try:
            resolver = dns.asyncresolver.Resolver(configure=not self._servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise NoAnswerError("This machine names no name server.") from error
        if self._servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, port) for host, port in self._servers
            ]
        return resolver
