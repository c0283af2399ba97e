"""A name server on this machine, which answers for the records that tests give it."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

MAX_DATAGRAM = 1232


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """The records of every name, as lines of a zone file, and how the server misbehaves."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    """TXT records: the data as a zone file has it, such as `"one" "two"` for two strings."""
    aliases: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data, addr) -> None:
        answer = self.answer(data)
        if answer is None:
            return
        wire = answer.to_wire(max_size=65_535)
        if len(wire) > MAX_DATAGRAM:
            answer = dns.message.make_response(dns.message.from_wire(data))
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        self._transport.sendto(wire, addr)

    def answer(self, data: bytes) -> dns.message.Message | None:
        query = dns.message.from_wire(data)
        name = query.question[0].name
        text = name.to_text(omit_final_dot=True).lower()
        self.asked.append(text)
        if text in self.silent:
            return None
        answer = dns.message.make_response(query, recursion_available=True)
        if text in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        seen = set()
        while text in self.aliases and text not in seen:
            seen.add(text)
            target = self.aliases[text]
            answer.answer.append(dns.rrset.from_text(f"{text}.", 60, "IN", "CNAME", f"{target}."))
            text = target
        if text in self.texts:
            answer.answer.append(
                dns.rrset.from_text(f"{text}.", 60, "IN", "TXT", *self.texts[text])
            )
        elif not seen:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    async def serve_stream(self, reader, writer) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(length))
        if answer is not None:
            wire = answer.to_wire(max_size=65_535)
            writer.write(struct.pack("!H", len(wire)) + wire)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Yield a name server that answers over UDP and TCP at one port of this machine."""
    loop, server = asyncio.get_running_loop(), NameServer()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    stream = await asyncio.start_server(server.serve_stream, "127.0.0.1", server.port)
    try:
        yield server
    finally:
        transport.close()
        stream.close()
        await stream.wait_closed()
