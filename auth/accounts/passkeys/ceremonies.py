"""The ceremonies of WebAuthn: options for the browser, and verification of its answers.

Passkeys are discoverable, and verify their user: each is two factors by itself. Attestation is not
asked for: any authenticator is good.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.accounts.passkeys.challenges import LIFETIME
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.core.passkeys import MAX_CREDENTIAL_ID, MAX_PUBLIC_KEY

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
KINDS = (EllipticCurvePublicKey, Ed25519PublicKey, RSAPublicKey)
"""The kind of key of each."""
FORMATS = (AttestationFormat.NONE, AttestationFormat.PACKED)
"""Formats of attestation; browsers send `packed`, signed by the key itself, for some keys."""
MAX_LENGTH = 12_000
"""Characters of an answer, at most."""
NAME = "Gateway"
LOCAL = "localhost"


class RefusedError(Exception):
    """An answer that is not accepted, and why, for the audit log."""


class RelyingParty(NamedTuple):
    """The domain that passkeys are for (RP ID), and the origin of the pages that use them."""

    id: str
    origin: str


class Registered(NamedTuple):
    """A new passkey, as its authenticator describes it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    transports: list[str]
    is_backup_eligible: bool
    is_backed_up: bool


class Assertion(NamedTuple):
    """An answer to a request to authenticate, not yet verified."""

    credential_id: bytes
    user_handle: bytes | None
    challenge: bytes
    credential: Any


class Asserted(NamedTuple):
    """A verified answer: the new counter, and whether the passkey is backed up."""

    sign_count: int
    is_backed_up: bool


def relying_party(settings: AuthSettings) -> RelyingParty | None:
    """Return the relying party; None where the host is a network address, which has no passkeys.

    On this machine it is `localhost`.
    """
    parts = urlsplit(settings.url)
    host, netloc = parts.hostname or "", parts.netloc.lower()
    with suppress(ValueError):
        if not ip_address(host).is_loopback:
            return None
        netloc = f"{LOCAL}:{parts.port}" if parts.port else LOCAL
        host = LOCAL
    return RelyingParty(settings.passkey_domain or host, f"{parts.scheme}://{netloc}")


def creation_options(
    party: RelyingParty, viewer: Viewer, challenge: bytes, known: Sequence[bytes]
) -> str:
    """Return, as JSON, the options to register a passkey other than the `known` ones."""
    assert viewer.id  # noqa: S101 (they are signed in)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=viewer.id.bytes,
        user_name=viewer.email or str(viewer.id),
        challenge=challenge,
        timeout=LIFETIME * 1000,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=id) for id in known],
        supported_pub_key_algs=ALGORITHMS,
    )
    return options_to_json(options)


def request_options(party: RelyingParty, challenge: bytes) -> str:
    """Return, as JSON, the options to authenticate with any passkey of this site."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=LIFETIME * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def registration_challenge(text: str) -> bytes:
    """Return the challenge that an answer to a registration is for. Raises RefusedError."""
    try:
        parsed = parse_registration_credential_json(_bounded(text))
        return parse_client_data_json(parsed.response.client_data_json).challenge
    except Exception as error:
        raise RefusedError("malformed") from error


def registered(party: RelyingParty, challenge: bytes, text: str) -> Registered:
    """Return the passkey that an answer registers (section 7.1). Raises RefusedError."""
    try:
        parsed = parse_registration_credential_json(_bounded(text))
        _require_known_format(parsed.response.attestation_object)
        found = webauthn.verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        _require_usable(found.credential_public_key)
        transports = {AuthenticatorTransport(one).value for one in parsed.response.transports or ()}
    except RefusedError:
        raise
    except Exception as error:  # the parsers raise errors of many kinds
        raise RefusedError("not verified") from error
    if (
        not 16 <= len(found.credential_id) <= MAX_CREDENTIAL_ID  # noqa: PLR2004 (100 random bits)
        or len(found.credential_public_key) > MAX_PUBLIC_KEY
    ):
        raise RefusedError("too large")
    return Registered(
        found.credential_id,
        found.credential_public_key,
        found.sign_count,
        UUID(found.aaguid),
        sorted(transports),
        found.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        found.credential_backed_up,
    )


def assertion(text: str) -> Assertion:
    """Return an answer to a request to authenticate, as it was sent. Raises RefusedError."""
    try:
        parsed = parse_authentication_credential_json(_bounded(text))
        challenge = parse_client_data_json(parsed.response.client_data_json).challenge
    except Exception as error:
        raise RefusedError("malformed") from error
    return Assertion(parsed.raw_id, parsed.response.user_handle, challenge, parsed)


def asserted(party: RelyingParty, given: Assertion, public_key: bytes) -> Asserted:
    """Verify an answer but for its counter (section 7.2). Raises RefusedError."""
    try:
        found = webauthn.verify_authentication_response(
            credential=given.credential,
            expected_challenge=given.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            # The library compares the counter before the signature: anybody could fake a copy.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        raise RefusedError("not verified") from error
    return Asserted(found.new_sign_count, found.credential_backed_up)


def _require_known_format(attestation: bytes) -> None:
    if parse_attestation_object(attestation).fmt not in FORMATS:
        raise RefusedError("attestation")


def _require_usable(public_key: bytes) -> None:
    """Raise RefusedError, or what the library raises, unless the key is one of its algorithm."""
    key = decode_credential_public_key(public_key)
    if not isinstance(decoded_public_key_to_cryptography(key), KINDS[ALGORITHMS.index(key.alg)]):
        raise RefusedError("algorithm")


def _bounded(text: str) -> dict[str, Any]:
    """Return the object in a text of bounded length. Raises RefusedError and ValueError."""
    if len(text) > MAX_LENGTH:
        raise RefusedError("too large")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise RefusedError("malformed")
    return found
