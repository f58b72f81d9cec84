"""A hand-written loop on aiokafka: the plain job in batches, with nothing durable."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import chain
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.peers.place import Place
from benchmarks.peers.plain_job import Model, Profile, Transaction, encode, judge

BATCH: Final = 500


async def main() -> None:
    """Score until somebody ends the process."""
    place = Place.of_environment()
    model = Model(place.model)
    profiles: defaultdict[str, Profile] = defaultdict(Profile)
    consumer = AIOKafkaConsumer(
        place.transactions,
        bootstrap_servers=place.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap_servers, linger_ms=1)
    async with consumer, producer:
        while True:
            found = await consumer.getmany(timeout_ms=100, max_records=BATCH)
            transactions = [
                Transaction.model_validate_json(record.value)
                for record in chain.from_iterable(found.values())
            ]
            if not transactions:
                continue
            features = [profiles[each.card_id].observe(each) for each in transactions]
            for judged in judge(model, transactions, features):
                key = judged.transaction.card_id.encode()
                await producer.send(place.scores, encode(judged.score_fields()), key)
                if judged.is_alert:
                    await producer.send(place.alerts, encode(judged.alert_fields()), key)


if __name__ == "__main__":
    asyncio.run(main())
