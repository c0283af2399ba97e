"""Requests to addresses that users give, and the delivery of webhooks."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import NameServers, Networks, Number, Seconds, name_server


class OutboundSettings(BaseSettings):
    """Requests to addresses that users give, and the delivery of webhooks."""

    outbound_networks: Networks = Field(
        default="",
        description="The private networks that webhooks may be sent to, and that checks of external"
        " documents and imports may reach, separated by commas, such as `10.1.0.0/16`. All"
        " other private addresses are refused.",
    )
    outbound_http: bool = Field(
        default=False,
        description="Whether webhooks may be sent to `http:` URLs, without encryption, and checks"
        " of external documents and imports may reach them.",
    )
    dns_servers: NameServers = Field(
        default=(),
        description="The name servers, separated by commas, that verify domains of organizations,"
        " such as `10.0.0.2` or `127.0.0.1:5353`. Defaults to those of the machine.",
    )
    webhook_timeout: Seconds = Field(
        default=15.0,
        gt=0,
        le=60,
        description="The time in seconds that an endpoint has to answer a webhook.",
    )
    webhook_retention_days: Number = Field(
        default=30,
        ge=1,
        le=3650,
        description="The time in days for which the deliveries of webhooks are stored.",
    )
    webhook_disable_days: Number = Field(
        default=5,
        ge=1,
        le=365,
        description="The time in days after which a webhook endpoint that has only failed is"
        " disabled.",
    )

    @property
    def name_servers(self) -> tuple[tuple[str, int], ...]:
        """Return the IP addresses and ports of `dns_servers`."""
        return tuple(map(name_server, self.dns_servers))

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the private networks that requests may lead to."""
        return tuple(
            ip_network(part.strip()) for part in self.outbound_networks.split(",") if part.strip()
        )
