"""The settings of tracing, by the names that OpenTelemetry gives them."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import CollectorAddress, CollectorHeaders


class TracingSettings(BaseSettings):
    """The settings of tracing, by the names that OpenTelemetry gives them."""

    otel_exporter_otlp_endpoint: CollectorAddress = Field(
        default="",
        description="The base URL of a collector that accepts traces by OTLP over HTTP, such as"
        " `http://localhost:4318`. Without it, nothing is traced.",
    )
    otel_exporter_otlp_headers: CollectorHeaders = Field(
        default=None,
        description="The headers of requests to the collector, such as `api-key=...`, separated by"
        " commas.",
    )
    otel_service_name: str = Field(
        default="gateway",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="The name of the service in its traces.",
    )
    otel_traces_sampler_arg: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="The share of operations and jobs that are traced, from 0 to 1.",
    )
