"""Every contract and every topic in one table, from which the documents for other systems are generated.

What comes in is described as it is validated, what goes out as it is serialised; the two may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from schemas.alert import Alert
from schemas.control import CONTROL
from schemas.dead_letter import DeadLetter
from schemas.erasure import HEADER, Erasure, ExamplesErasure
from schemas.example import Example
from schemas.label import Label
from schemas.outcome import Outcomes
from schemas.reputation import Reputation
from schemas.score import Score
from schemas.snapshot import ModelSnapshot
from schemas.transaction import TRANSACTION

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaMode


@dataclass(frozen=True, slots=True)
class Contract:
    """One kind of message; where a topic has two, a header tells the rarer one."""

    name: str
    adapter: TypeAdapter[Any]
    mode: JsonSchemaMode
    sentence: str
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its address (without the configured prefix), record key, contracts and use."""

    address: str
    key: str
    contracts: tuple[str, ...]
    action: Literal["send", "receive"]
    sentence: str


_PASSED_OVER = "A reader that keeps nothing on anybody passes over records with this header."

CONTRACTS = (
    Contract("transaction", TRANSACTION, "validation", "A card payment or an account transfer."),
    Contract("label", TypeAdapter(Label), "validation", "What a transaction turned out to be."),
    Contract("control", CONTROL, "validation", "What an operator sets while the service runs."),
    Contract("erasure", TypeAdapter(Erasure), "validation", f"Whom to forget. {_PASSED_OVER}", HEADER),
    Contract("score", TypeAdapter(Score), "serialization", "A scored transaction and its features."),
    Contract("alert", TypeAdapter(Alert), "serialization", "A transaction to look at, with reasons."),
    Contract("example", TypeAdapter(Example), "serialization", "A row that the model learnt."),
    Contract(
        "examples-erasure",
        TypeAdapter(ExamplesErasure),
        "serialization",
        f"Whose rows to leave out. {_PASSED_OVER}",
        HEADER,
    ),
    Contract("model-snapshot", TypeAdapter(ModelSnapshot), "serialization", "What is said of a model."),
    Contract("outcomes", TypeAdapter(Outcomes), "serialization", "What came of some transactions."),
    Contract("reputation", TypeAdapter(Reputation), "serialization", "How a counterparty turned out so far."),
    Contract("dead-letter", TypeAdapter(DeadLetter), "serialization", "Why a message was refused."),
)

TOPICS = (
    Topic(
        "transactions", "card or account token", ("transaction", "erasure"), "receive", "What the bank sends."
    ),
    Topic(
        "labels", "any", ("label", "erasure"), "receive", "Outcomes from bank systems and analysts' tools."
    ),
    Topic(
        "labels.keyed",
        "card or account token",
        ("label", "erasure"),
        "send",
        "The same labels, validated and keyed.",
    ),
    Topic("scores", "card or account token", ("score", "erasure"), "send", "One score for each transaction."),
    Topic("alerts", "card or account token", ("alert",), "send", "Transactions that were not approved."),
    Topic(
        "examples",
        "none",
        ("example", "examples-erasure"),
        "send",
        "All that the model learnt, in one ordered log.",
    ),
    Topic(
        "outcomes",
        "kind:id",
        ("outcomes", "erasure"),
        "send",
        "What changes reputations; for this service alone.",
    ),
    Topic(
        "reputations", "kind:id", ("reputation",), "send", "The newest reputation of each key (compacted)."
    ),
    Topic("models", "name@version", ("model-snapshot",), "send", "The newest snapshots, signed (compacted)."),
    Topic(
        "controls",
        "control name",
        ("control",),
        "receive",
        "Signed settings; the newest of each name counts.",
    ),
    Topic("dead-letters", "as it came", ("dead-letter",), "send", "Refused messages, as they came."),
)
