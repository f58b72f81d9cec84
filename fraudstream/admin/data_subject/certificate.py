"""The certificate of an erasure: what was held, what was done, what is left until when; signed."""

from __future__ import annotations

import hmac
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from fraudstream.errors import FraudstreamError
from models.signing import derived_key

_PURPOSE: Final = "erasure certificates"
_TOKEN_PURPOSE: Final = "subject tokens"  # noqa: S105 - names what a key is for


class CertificateRefused(FraudstreamError):
    """A certificate is not what the service signed; the text is one sentence."""


class ErasureStatus(StrEnum):
    """How far the erasure has come in a store."""

    ERASED = "erased"
    """It held something, and holds nothing of it any more."""
    NOTHING_HELD = "nothing-held"
    """It held nothing."""
    PENDING = "pending"
    """It was told, and did not confirm in time: it erases when its worker runs, and a repeat certifies it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Store(_Part):
    """One place where the service keeps something on a card or an account."""

    store: str
    """`profile`, `labelling`, `labels` without their transaction, `reputations` or `examples`."""
    held: int
    """Entries before."""
    left: int
    """Entries after: what came since, where it is erased."""
    status: ErasureStatus
    """How far it has come."""
    erasure: tuple[str, ...]
    """Where the erasure stands that the store's owner has taken: `topic/partition@offset`."""


class Model(_Part):
    """One version of the model."""

    version: int
    """0 for the prior model, which has learnt nothing."""
    sha256: str | None
    """Digest of its ONNX bytes."""


class ModelChange(_Part):
    """The model before and after."""

    name: str
    """Its name."""
    examples: int
    """Examples of the subject that it may have learnt, and no version learns any more."""
    before: Model
    """In force before."""
    after: Model
    """In force now."""
    taken_back: tuple[int, ...]
    """Versions taken back, since they may have learnt them."""
    status: ErasureStatus
    """How far it has come."""
    others: tuple[str, ...]
    """Other models on the topic: their own learners follow, and are certified under their own name."""


class Remainder(_Part):
    """Records that cannot be removed one by one."""

    topic: str
    """Its name; `labelling's files` for those."""
    records: int
    """How many name the token, those of erasures too."""
    first: datetime | None
    """Kafka timestamp of the first."""
    last: datetime | None
    """Kafka timestamp of the last."""
    until: datetime | None
    """When Kafka has removed them at the latest; None where the topic's settings set no date."""
    why: str
    """Why they are still there, and what removes them."""


class Certificate(_Part):
    """What was done about one erasure."""

    schema_version: int = 1
    """Version of this document."""
    erasure_id: str
    """As in the records of the erasure."""
    token_hmac: str
    """HMAC-SHA256 of the token by a key derived from the signing key: only who has both can match them."""
    issued_at: datetime
    """When the erasure was asked for."""
    completed_at: datetime
    """When this was written."""
    code_version: str
    """Of the service."""
    stores: tuple[Store, ...]
    """What the service kept."""
    model: ModelChange
    """What it had learnt."""
    remains: tuple[Remainder, ...]
    """What is left in topics, and may be left in files."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is pending."""
        return ErasureStatus.PENDING not in {*(store.status for store in self.stores), self.model.status}


def token_hmac(token: str, key: bytes) -> str:
    """What stands for a token in a certificate."""
    return hmac.digest(derived_key(key, _TOKEN_PURPOSE), token.encode(), "sha256").hex()


def signed(certificate: Certificate, key: bytes) -> dict[str, Any]:
    """The document of a certificate, with its signature as one more field."""
    document = certificate.model_dump(mode="json")
    return document | {"signature": _signature(document, key)}


def verified(content: bytes, key: bytes) -> Certificate:
    """The certificate that a document holds.

    Raises:
        CertificateRefused: this key did not sign exactly this document.
    """
    try:
        document = orjson.loads(content)
        signature = str(document.pop("signature"))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise CertificateRefused("The file is no certificate of an erasure: it has no signature.") from None
    if not hmac.compare_digest(signature.encode(), _signature(document, key).encode()):
        raise CertificateRefused(
            "The certificate is not signed with FRAUDSTREAM_LEARNING__SIGNING_KEY, or was altered."
        )
    try:
        return Certificate.model_validate(document)
    except ValidationError as error:
        raise CertificateRefused("The certificate is of a release that this one cannot read.") from error


def _signature(document: dict[str, Any], key: bytes) -> str:
    """HMAC-SHA256 of the document as JSON without spaces, its names in order, without the signature."""
    told = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(derived_key(key, _PURPOSE), told, "sha256").hex()
