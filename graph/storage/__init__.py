"""The storages of files: a folder, and S3; `storage_of` returns the one that is configured."""

from graph.kit.storage import Storage
from graph.settings import Settings
from graph.storage.folder import Folder


def storage_of(settings: Settings) -> Storage:
    """Return the storage of the settings."""
    if not settings.s3_bucket:
        return Folder(settings)
    from graph.storage.s3 import S3  # noqa: PLC0415 (17 MB that who uses a folder has no use for)

    return S3(settings)
