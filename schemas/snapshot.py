"""Topic `models`: what is said of a model; its ONNX bytes are checked against the digest given here."""

from typing import Annotated, Final

from pydantic import Field

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Code
from schemas.message import Message, Number, Probability, Record, Whole

_MOST_DIGITS = 18
"""Of a version: more digits than any log gets to, fewer than Python refuses to read."""

QUANTILE_SHARES: Final = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""Shares of transactions whose scores a snapshot gives."""
MOST_EXAMPLES: Final = 64

Setting = str | bool | int | float | None
"""A learner's parameter, as JSON has it."""


class Learner(Record):
    """What learnt the model, so that anybody can learn it again from the same log."""

    algorithm: Code
    """Name of the learner."""
    parameters: dict[Code, Setting]
    """Its configuration."""
    seed: Whole
    """Seed of its random numbers."""
    code_version: Annotated[str, Field(min_length=1, max_length=64)]
    """Version of this service that learnt."""


class ExampleRow(Record):
    """A learned row, without its transaction, and what the model gives for it."""

    features: tuple[Number, ...]
    """As they were scored, float32."""
    score: Probability
    """Probability of fraud by this model."""


class ModelSnapshot(Message):
    """A model as of one offset of `examples`, ready to score."""

    name: Code
    """Name of the model; the record's key is `name@version`."""
    version: Whole
    """Offset of the last example learnt plus one, above the last version of the log before; it grows."""
    parent: Whole | None = None
    """Version that it went on from."""
    features_version: Whole
    """Version of the list of features that it takes."""
    examples_offset: Whole
    """Offset of the last example that it learnt."""
    examples_log: Whole | None = None
    """Identity of topic `examples`, in which this offset counts; absent where the broker gives none."""
    created_at: Time
    """When it was made."""
    learner: Learner
    """What learnt it."""
    quality: dict[Code, Number]
    """Measures so far, each row scored before it was learnt: `auc`, `average_precision` ..."""
    calibration: dict[Code, Number]
    """Parameters that turn the model's output into a probability."""
    quantiles: Annotated[tuple[Probability, ...], Field(max_length=len(QUANTILE_SHARES))] = ()
    """Score that each share (0.5, 0.2, 0.1, 0.05 ... 0.0001) of all transactions reaches, ascending."""
    examples: Annotated[tuple[ExampleRow, ...], Field(max_length=MOST_EXAMPLES)] = ()
    """Rows by which whoever scores checks that the model is the one described."""
    labels_recorded: tuple[Number, ...] = ()
    """Kafka timestamps (s since 1970) of the labels learnt since the version before, the newest 1,000."""
    onnx_size: Whole
    """Length of the ONNX bytes."""
    onnx_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the ONNX bytes; the signature over this document covers them by it."""

    @property
    def scored_by(self) -> str:
        """How scores name the model: `name@version`."""
        return f"{self.name}@{self.version}"


def decode_snapshot(data: bytes) -> ModelSnapshot:
    """Decode the description of a model.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(ModelSnapshot.model_validate, data)


def version_of(key: bytes | None, name: str) -> int | None:
    """The version that a record's key gives of a model; None for another model's key, or none at all."""
    its_name, _, version = (key or b"").decode(errors="replace").rpartition("@")
    is_number = version.isascii() and version.isdigit() and len(version) <= _MOST_DIGITS
    return int(version) if its_name == name and is_number else None
