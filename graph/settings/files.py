"""The storage of files."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Number, Origin, Token


class FileSettings(BaseSettings):
    """The storage of files."""

    s3_bucket: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="The bucket of S3, or of a compatible server, in which files are stored."
        " Without it, files are stored in GATEWAY_DATA_DIR, which all servers must share.",
    )
    s3_endpoint: Origin = Field(
        default="",
        description="The address of an S3-compatible server, as the gateway and its clients reach"
        " it. Defaults to AWS in S3_REGION.",
    )
    s3_region: str = Field(
        default="us-east-1", pattern="^[a-z0-9-]{1,40}$", description="The region of the bucket."
    )
    s3_access_key: str = Field(
        default="", pattern="^[!-~]*$", description="The access key of the bucket."
    )
    s3_secret_key: Token = Field(
        default=None, description="The secret key that belongs to S3_ACCESS_KEY."
    )
    max_file_bytes: Number = Field(
        default=1_000_000_000,
        ge=1,
        le=5_000_000_000,
        description="The maximum size of a file in bytes. The plan of an organization limits the"
        " storage of all its files.",
    )
