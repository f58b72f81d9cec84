"""The job in bytewax, with its Kafka connector and a state for each card: two dataflows.

`per_event` scores each transaction where it comes; `micro_batch` scores what the runtime has at hand with one
call of the model. Both run as they come: without recovery, which bytewax leaves off unless asked for.

    python -m bytewax.run "benchmarks.peers.bytewax_flow:per_event()"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow

from benchmarks.peers.place import Place
from benchmarks.peers.plain_job import Judged, Model, Profile, Transaction, encode, judge

if TYPE_CHECKING:
    from bytewax.connectors.kafka import KafkaSourceMessage
    from bytewax.operators import KeyedStream, Stream

    Keyed = tuple[str, tuple[Transaction, list[float]]]


def per_event() -> Dataflow:
    """One call of the model for each transaction."""
    place, flow = Place.of_environment(), Dataflow("per_event")
    model = Model(place.model)

    def score(keyed: Keyed) -> Judged:
        _, (transaction, features) = keyed
        [judged] = judge(model, [transaction], [features])
        return judged

    _deliver(op.map("score", _profiled(place, flow), score), place)
    return flow


def micro_batch() -> Dataflow:
    """One call of the model for each batch that the runtime hands over."""
    place, flow = Place.of_environment(), Dataflow("micro_batch")
    model = Model(place.model)

    def score(batch: list[Keyed]) -> list[Judged]:
        return judge(model, [each for _, (each, _) in batch], [features for _, (_, features) in batch])

    _deliver(op.flat_map_batch("score", _profiled(place, flow), score), place)
    return flow


def _profiled(place: Place, flow: Dataflow) -> KeyedStream[tuple[Transaction, list[float]]]:
    """Every transaction with its features, by card."""
    source = KafkaSource([place.bootstrap_servers], [place.transactions])
    keyed = op.map("decode", op.input("transactions", flow, source), _decode)
    return op.stateful_map("profile", keyed, _observe)


def _decode(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, Transaction]:
    transaction = Transaction.model_validate_json(message.value)
    return transaction.card_id, transaction


def _observe(
    profile: Profile | None, transaction: Transaction
) -> tuple[Profile, tuple[Transaction, list[float]]]:
    profile = profile or Profile()
    return profile, (transaction, profile.observe(transaction))


def _deliver(judged: Stream[Judged], place: Place) -> None:
    """Scores and alerts to their topics."""
    brokers = [place.bootstrap_servers]
    scores = op.map("encode_score", judged, _score_message)
    op.output("scores", scores, KafkaSink(brokers, place.scores))
    due = op.filter("is_alert", judged, lambda each: each.is_alert)
    alerts = op.map("encode_alert", due, _alert_message)
    op.output("alerts", alerts, KafkaSink(brokers, place.alerts))


def _score_message(judged: Judged) -> KafkaSinkMessage[bytes, bytes]:
    return KafkaSinkMessage(judged.transaction.card_id.encode(), encode(judged.score_fields()))


def _alert_message(judged: Judged) -> KafkaSinkMessage[bytes, bytes]:
    return KafkaSinkMessage(judged.transaction.card_id.encode(), encode(judged.alert_fields()))
