"""The exceptions by which `zipfile` reports an archive that is damaged, or is none."""

import zlib
from zipfile import BadZipFile

DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
"""All of them; errors of the file system are OSError."""
