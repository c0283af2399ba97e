"""The built explorer: where its files are, and the manifest that names them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).parent
STATIC = SOURCE / "static"


@dataclass(frozen=True)
class Bundle:
    """One complete build; a build without a manifest does not count."""

    inputs: str  # digest of what it was built from
    script: str
    style: str
    icon: str
    files: frozenset[str]

    @classmethod
    def read(cls, directory: Path = STATIC) -> "Bundle | None":
        """Return the bundle in a directory, or None when nothing was built there."""
        try:
            manifest = json.loads((directory / "manifest.json").read_text())
        except FileNotFoundError:
            return None
        return cls(**{**manifest, "files": frozenset(manifest["files"])})

    def write(self, directory: Path) -> None:
        """Write the manifest in one step: from then on this bundle is served."""
        draft = directory / "manifest.json.new"
        draft.write_text(json.dumps({**asdict(self), "files": sorted(self.files)}, indent=1))
        draft.replace(directory / "manifest.json")
