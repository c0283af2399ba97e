"""The storages of files: a folder, and S3; `storage_of` returns the one that is configured."""

from graph.kit.storage import Storage
from graph.platform.files.folder import Folder
from graph.settings import Settings


def storage_of(settings: Settings) -> Storage:
    """Return the storage of the settings."""
    if not settings.s3_bucket:
        return Folder(settings)
    from graph.platform.files.s3 import S3  # noqa: PLC0415 (17 MB, only with S3)

    return S3(settings)
