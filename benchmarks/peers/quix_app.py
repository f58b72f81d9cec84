"""The job in Quix Streams: a StreamingDataFrame with a stateful step, every setting as it comes.

That is at-least-once with a checkpoint every 5 seconds; profiles are in the library's RocksDB and changelog
topic, as JSON. The library hands over one event at a time, so the model scores one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quixstreams import Application

from benchmarks.peers.place import Place
from benchmarks.peers.plain_job import Judged, Model, Profile, Transaction, encode, judge

if TYPE_CHECKING:
    from quixstreams import State


def main() -> None:
    """Score until somebody ends the process."""
    place = Place.of_environment()
    model = Model(place.model)
    app = Application(
        broker_address=place.bootstrap_servers,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        state_dir=place.state,
    )
    transactions = app.topic(place.transactions, value_deserializer="json")
    scores = app.topic(place.scores, value_serializer="bytes")
    alerts = app.topic(place.alerts, value_serializer="bytes")

    def score(value: dict[str, Any], state: State) -> Judged:
        transaction = Transaction.model_validate(value)
        profile = Profile(**state.get("profile", {}))
        features = profile.observe(transaction)
        state.set("profile", vars(profile))
        [judged] = judge(model, [transaction], [features])
        return judged

    judged = app.dataframe(transactions).apply(score, stateful=True)
    judged.apply(lambda each: encode(each.score_fields())).to_topic(scores)
    alert = judged.filter(lambda each: each.is_alert)
    alert.apply(lambda each: encode(each.alert_fields())).to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main()
