"""Evidence of signatures: one file for auditors."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from auth.events import record
from auth.session import Origin
from db.audit import verification
from db.audit.export import beside, lasting
from db.audit.sealing import seal_everything
from db.logins import Logins
from db.problem import Problem
from graph import VERSION
from graph.commands.database import require_migrated, running
from graph.commands.evidence import chain_of, export_event, writing
from graph.requirements.signatures.evidence import write_evidence
from graph.settings import Settings


def export(
    settings: Settings,
    organization: str,
    review: UUID | None,
    baseline: UUID | None,
    output: Path,
) -> str:
    """Export the evidence, and return a summary of the file. Raises ChainBrokenError, Problem.

    The export is itself recorded before the file gets its name.
    """
    if review and baseline:
        raise Problem("INVALID", "Give either a review or a baseline.")
    if output.exists():
        raise Problem("ALREADY_EXISTS", f"{output} already exists.")

    async def work(at: Logins, draft: Path) -> dict[str, Any]:
        async with writing(at) as connection:
            await seal_everything(connection)
            id = await chain_of(connection, organization)
            chain = await verification.named(connection, id)
            with lasting(draft) as file:
                header = await write_evidence(
                    connection, chain, review, baseline, VERSION, file.write
                )
            event = export_event(id, "Signatures were exported.", header, output)
            await record(connection, event, Origin(source="cli"))
            return header

    with running(settings) as at, beside(output) as draft:
        require_migrated(at)
        header = asyncio.run(work(at, draft))
        draft.replace(output)
    counts = header["counts"]
    return (
        f"{output} holds {counts['signature']} signatures and {counts['event']} events, head"
        f" {header['lastSeq']}:{header['headHash']}. Verify it by docs/verify_evidence.py."
    )
