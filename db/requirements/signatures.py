"""Electronic signatures of people, which are never changed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import Function

from db.base import InProject, tenant_key
from db.constraints import check, not_blank, not_negative
from db.fields import choice
from db.text import Lines
from db.traits import ResourceType, Traits


class SignatureMeaning(StrEnum):
    """The meaning of a signature (21 CFR 11.50)."""

    AUTHORSHIP = "authorship"
    REVIEW = "review"
    APPROVAL = "approval"
    RESPONSIBILITY = "responsibility"


class Signature(InProject, kw_only=True):
    """A person's signature of the content of an object.

    `content` is canonical JSON of what was signed, and `content_hash` its SHA-256 in UTF-8.
    `chain_seq` and `chain_hash` are the head of the organization's audit chain when it was signed.
    A trigger refuses every change.
    """

    __tablename__ = "signatures"
    traits = Traits(ResourceType.SIGNATURE, node="Signature", named_by="signer_name")

    entity_type: Mapped[str]
    entity_id: Mapped[UUID]
    signer_id: Mapped[UUID]
    signer_name: Mapped[str]
    signer_email: Mapped[str]
    meaning: Mapped[SignatureMeaning] = choice(SignatureMeaning.APPROVAL)
    comment: Mapped[Lines | None] = mapped_column(default=None)
    signed_at: Mapped[datetime]
    authenticated_at: Mapped[datetime]
    content: Mapped[str]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    chain_seq: Mapped[int] = mapped_column(BigInteger)
    chain_hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        tenant_key("projects", "project_id", ondelete="CASCADE"),
        *not_blank("entity_type"),
        *not_blank("signer_name"),
        *not_blank("signer_email"),
        not_negative("chain_seq"),
        check(
            "content",
            "length",
            "char_length(content) <= 1000000",
            "The content is too long to be signed.",
        ),
        *(
            check(column, "digest", f"octet_length({column}) = 32", "This is not a SHA-256 digest.")
            for column in ("content_hash", "chain_hash")
        ),
        Index(None, "entity_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


def signing_facts(credential: UUID, organization_id: UUID) -> Function[object]:
    """Return the call for what a signature states: the last proof, the signer, the chain's head.

    It is JSON, and null unless the credential is the viewer's own browser session. Times are those
    of the database.
    """
    return func.ctx.signing_facts(
        bindparam(None, credential, type_=Uuid, unique=True),
        bindparam(None, organization_id, type_=Uuid, unique=True),
        type_=JSONB,
    )
