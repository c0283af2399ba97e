"""Settings of the document processor."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Seconds, Token


class DocumentProcessorSettings(BaseSettings):
    """The document processor, which extracts the text of external documents."""

    document_processor_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s#]+)?$",
        description="The URL of an HTTP endpoint that extracts the text of external documents. It"
        " can be in the operator's own network. Without it, no document is processed.",
    )
    document_processor_key: Token = Field(
        default=None,
        description="The key that is sent to DOCUMENT_PROCESSOR_URL as a bearer token.",
    )
    document_processor_timeout: Seconds = Field(
        default=60.0,
        ge=1,
        le=120,
        description="The maximum time in seconds of a request to the document processor.",
    )
