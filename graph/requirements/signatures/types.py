"""The type of signatures, and the mutation that makes one."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.audit.chain import genesis
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import signatures as db
from db.requirements.reviews import ReviewVerdict as ReviewVerdictRow
from db.requirements.signatures import SignatureMeaning, signing_facts
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.filters import EntityTypeFilterInput
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, given, mutation, writing
from graph.kit.node import NODES, Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.requirements.baselines import Baseline
from graph.requirements.change_sets.types import ChangeSet
from graph.requirements.documents import Document
from graph.requirements.requirements import Requirement
from graph.requirements.reviews.types import Review, ReviewVerdict, pin_of
from graph.requirements.signatures.content import signable, signed_content

SIGN_WITHIN = timedelta(minutes=5)
"""The time after a proof of the password, and code, within which one can sign."""
PROVE = "/prove?always=1"
"""The page that asks for the password, and code, even if they were given minutes ago."""

describe_enum(
    SignatureMeaning,
    "The meaning of a signature (21 CFR 11.50).",
    {
        "AUTHORSHIP": "The signer wrote the content.",
        "REVIEW": "The signer has reviewed the content.",
        "APPROVAL": "The signer approves the content.",
        "RESPONSIBILITY": "The signer takes responsibility for the content.",
    },
)


@strawberry.type(
    description="An electronic signature. It is never changed or deleted. `gateway audit evidence`"
    " exports it with what it signs for verification without the gateway."
)
class Signature(Authored, Node):
    model = db.Signature

    entity_type: EntityType = described("The type of the object that was signed.")
    entity_id: UUID = described("The ID of the object that was signed.")
    signer_name: str = described("The full name of the signer at the time of signing.")
    signer_email: str = described("The email address of the signer at the time of signing.")
    meaning: SignatureMeaning = described("The meaning of the signature.")
    comment: str | None = described("The comment of the signer.")
    signed_at: datetime = described("The date and time of signing, by the clock of the database.")
    authenticated_at: datetime = described(
        "The date and time when the signer last gave their password, and code if they use one."
    )
    content: str = described("The content that was signed, as canonical JSON.")
    chain_seq: BigInt = described(
        "The number of the latest event in the hash chain of the organization's audit log at the"
        " time of signing."
    )
    organization_id: UUID = described("The ID of the organization of the signature.")
    project_id: UUID = described("The ID of the project of the signature.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the signature."
    )
    signer: Profile | None = to_one("signer_id", ProfileRow, Profile, "The signer.")

    @computed("content_hash", text="The SHA-256 hash of `content` in UTF-8, in hexadecimal.")
    def content_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.content_hash.hex())

    @computed("chain_hash", text="The hash of that event in the chain, in hexadecimal.")
    def chain_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.chain_hash.hex())

    @computed("content", "content_hash", text="Whether `contentHash` is the hash of `content`.")
    def is_intact(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return bool(sha256(root.content.encode()).digest() == root.content_hash)

    @computed(
        "entity_type",
        "entity_id",
        "content",
        text="Whether the object has changed since it was signed. Also true if it was deleted.",
    )
    async def is_stale(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        signed: Any = _loaded(root.content)
        if root.entity_type == "Review":  # a closed one, which never changes
            return False
        if root.entity_type == "ReviewVerdict":
            row = await info.context.one(ReviewVerdictRow, root.entity_id)
            return row is None or row.version != signed.get("entity", {}).get("version")
        pin = await pin_of(info.context, root.entity_type, root.entity_id)
        return pin is None or pin != signed.get("pin")

    @computed("entity_id", text="The object that was signed; null if the viewer cannot read it.")
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.entity_id], list(NODES))
        return row  # type: ignore[return-value]


def _loaded(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@input_for(Signature, "A signature to make.")
class SignatureCreateInput:
    entity_id: UUID = strawberry.field(
        description="The ID of the object to sign: a requirement, a document, a baseline, a change"
        " set, a closed review, or a verdict of the viewer."
    )
    meaning: SignatureMeaning
    comment: str | None = UNSET


async def signature_create(info: Info, input: Input[SignatureCreateInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        row = await signable(transaction, values["entity_id"])
        _require_browser(info)
        content = await signed_content(transaction, row)
        scopes = scopes_beneath(type(row), row)
        place: Any = {key: scopes[key] for key in ("organization_id", "project_id")}
        facts = await _facts(transaction, place["organization_id"])
        signature = db.Signature(
            **place,
            entity_type=type(row).__name__,
            entity_id=row.id,
            signer_id=transaction.person,
            signer_name=facts["name"] or facts["email"],
            signer_email=facts["email"],
            meaning=values["meaning"],
            comment=values.get("comment"),
            signed_at=_time(facts["now"]),
            authenticated_at=_time(facts["proved_at"]),
            content=content,
            content_hash=sha256(content.encode()).digest(),
            chain_seq=facts["seq"],
            chain_hash=_head(facts, place["organization_id"]),
        )
        transaction.add(signature)
    return answer(payload_of(Signature), signature)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _head(facts: Any, organization_id: UUID) -> bytes:
    """Return the hash at the head of the chain; before its first event, the one that it begins."""
    return bytes.fromhex(facts["hash"]) if facts["hash"] else genesis(organization_id)


def _require_browser(info: Info) -> None:
    """Raise FORBIDDEN for tokens and keys: a signature needs a person at a browser."""
    viewer = info.context.viewer
    if viewer.id is None:
        raise Problem("UNAUTHENTICATED", "Sign in.")
    is_session = viewer.session_id and viewer.client_id is None and viewer.scopes is None
    if not is_session or viewer.is_service or viewer.shared:
        raise Problem("FORBIDDEN", NOT_SIGNED_IN)


NOT_SIGNED_IN = "Only users who are signed in on the pages of the gateway can sign."


async def _facts(transaction: Transaction, organization_id: UUID) -> Any:
    """Return what the signature states. Raises FORBIDDEN without a recent proof."""
    session = UUID(str(transaction.viewer.session_id))
    facts = await transaction.call(signing_facts(session, organization_id))
    if facts is None:
        raise Problem("FORBIDDEN", NOT_SIGNED_IN)
    if _time(facts["now"]) - _time(facts["proved_at"]) > SIGN_WITHIN:
        minutes = SIGN_WITHIN // timedelta(minutes=1)
        message = f"Give your password again: a signature needs one of the last {minutes} minutes."
        raise Problem("FORBIDDEN", message, prove=PROVE)
    return facts


SignatureFilterInput = filter_input(
    Signature,
    "id",
    "entity_type",
    "entity_id",
    "signer_id",
    "meaning",
    "signed_at",
    comparisons={"entity_type": EntityTypeFilterInput},
)
SignatureOrderInput = order_input(Signature, "signed_at", "created_at")


def _signatures(key: str, text: str) -> Any:
    return connection(
        db.Signature, Signature, SignatureFilterInput, SignatureOrderInput, text, key=key
    )


extend_type(Project, signatures=_signatures("project_id", "The signatures in the project."))
for type_, noun in (
    (Requirement, "requirement"),
    (Document, "document"),
    (Baseline, "baseline"),
    (ChangeSet, "change set"),
    (Review, "review"),
    (ReviewVerdict, "verdict"),
):
    extend_type(type_, signatures=_signatures("entity_id", f"The signatures of the {noun}."))


@strawberry.type
class Query:
    signature = by_id(db.Signature, Signature, "Look up a signature by its ID.")


@strawberry.type
class Mutation:
    signature_create = mutation(
        signature_create,
        payload_of(Signature),
        "Sign an object as it is now. Requires a browser session in which the user has given their"
        " password, and code if they use one, within the last 5 minutes; tokens, API keys and"
        " service accounts are refused. Without a recent password the error is `FORBIDDEN` with"
        " `prove`, the path of the page that asks for it.",
    )
