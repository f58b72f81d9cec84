"""Spans of batches: what they hold, what they are linked to, what they pass on, and what they never say."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

pytest.importorskip("opentelemetry.sdk", reason="the extra fraudstream[tracing] is not installed")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased

from agents import scoring
from agents.runtime import Chunk
from agents.runtime.testing import FakeRecord
from agents.scoring import TransactionValidator
from agents.telemetry.tracing import TracedTelemetry, parent_of
from agents.topics import Topics
from fraudstream.worker.spans import LinkedOrRatio
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.errors import ErrorType

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01".encode()
NOT_SAMPLED = f"00-{TRACE}-{PARENT}-00".encode()
SUBJECT = "tok-4f7a9c-recognisable"
SENT_AT_MS = 1_772_500_000_000


def sent(offset: int, *headers: tuple[str, bytes | None], subject: str = SUBJECT) -> FakeRecord:
    """A record of `transactions` with headers; without a subject its value is no transaction."""
    payment = {
        "kind": "card",
        "transaction_id": f"id-of-{subject}-{offset}",
        "event_time": datetime.fromtimestamp(SENT_AT_MS / 1_000, UTC).isoformat(),
        "card_id": subject,
        "merchant_id": "shop-of-somebody",
        "amount": "12.50",
        "currency": "EUR",
    }
    value = json.dumps(payment).encode() if subject else b"{}"
    place = {"topic": "transactions", "partition": 2, "offset": offset, "timestamp": (1, SENT_AT_MS)}
    return FakeRecord(subject.encode(), value, headers=headers, **place)


class Traced:
    """A traced telemetry with its spans in memory."""

    def __init__(self, ratio: float = 1.0) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(sampler=ParentBased(LinkedOrRatio(ratio)))
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.telemetry = TracedTelemetry(CollectorRegistry(), provider.get_tracer("test"), "group-1")

    def take(self, *records: FakeRecord, finished: bool = True) -> None:
        """Take a batch in hand and give it back."""
        self.telemetry.batch_began([chunk(*records)])
        self.telemetry.batch_ended(finished=finished)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._memory.get_finished_spans()}

    @property
    def all(self) -> list[ReadableSpan]:
        return [*self._memory.get_finished_spans()]


def chunk(*records: FakeRecord, states: Any = None) -> Chunk:
    return Chunk("transactions", 2, records, states or {}, received_ns=1_000)  # type: ignore[arg-type] - a fake's


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"7",
        SAMPLED.upper(),
        b"ff" + SAMPLED[2:],
        SAMPLED[:-1],
        SAMPLED.replace(TRACE.encode(), b"0" * 32),
        SAMPLED.replace(PARENT.encode(), b"0" * 16),
        "\u0660\u0660".encode() + SAMPLED[2:],
    ],
)
def test_a_header_that_is_not_rightly_written_names_no_parent(value: bytes | None) -> None:
    assert parent_of(sent(0, ("traceparent", value))) is None


def test_a_header_of_this_or_a_later_version_names_a_parent() -> None:
    for value in (SAMPLED, b"01" + SAMPLED[2:] + b"-more"):
        parent = parent_of(sent(0, ("other", b"x"), ("traceparent", value)))
        assert parent is not None
        assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (TRACE, PARENT)
        assert parent.trace_flags.sampled
    assert parent_of(sent(0)) is None


def test_a_batch_is_a_span_with_its_place_its_size_and_links_to_each_parent_once() -> None:
    traced, header = Traced(), ("traceparent", SAMPLED)
    traced.take(sent(5, header), sent(6), sent(7, header))
    batch = traced.spans["process transactions"]
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
    assert batch.parent is None, "of many parents none is more than another"
    attributes = dict(batch.attributes or {})
    assert attributes["messaging.destination.name"] == "transactions"
    assert attributes["messaging.consumer.group.name"] == "group-1"
    assert attributes["messaging.batch.message_count"] == 3
    (event,) = batch.events
    assert dict(event.attributes or {}) == {
        "messaging.destination.partition.id": "2",
        "messaging.kafka.offset": 5,
        "fraudstream.last_offset": 7,
        "messaging.batch.message_count": 3,
    }
    take = traced.spans["take"]
    assert take.parent is not None
    assert take.parent.span_id == batch.context.span_id
    assert take.start_time == batch.start_time == 1_000, "a batch begins when it comes from Kafka"


def test_stages_are_children_of_the_batch_and_nobodys_outside_of_one() -> None:
    traced = Traced()
    with traced.telemetry.stage("decode"), traced.telemetry.step("fold"):
        pass
    assert traced.all == []
    traced.telemetry.batch_began([chunk(sent(0))])
    with traced.telemetry.stage("decode"):
        pass
    with traced.telemetry.step("fold"):
        pass
    traced.telemetry.dead_lettered("transactions", ErrorType.EMPTY_KEY, "secret", partition=2, offset=0)
    traced.telemetry.batch_ended(finished=True)
    batch = traced.spans["process transactions"]
    assert all(traced.spans[name].parent == batch.context for name in ("take", "decode", "fold"))
    assert batch.events[-1].name == "dead letter"
    assert (batch.events[-1].attributes or {})["error.type"] == "empty-key"


def test_a_commit_belongs_to_the_batches_before_it_and_to_no_later_one() -> None:
    traced = Traced()
    traced.take(sent(0))
    traced.telemetry.checkpoint_chosen()
    traced.take(sent(1))  # an agent goes on while the commit is under way
    traced.telemetry.outputs_delivered()
    traced.telemetry.committed(0.01, 3)
    first, second = [span for span in traced.all if span.name == "process transactions"]
    parents = {span.name: span.parent for span in traced.all if span.name in {"produce", "commit"}}
    assert parents == {"produce": first.context, "commit": first.context}
    traced.telemetry.checkpoint_chosen()
    traced.telemetry.commit_failed("the broker said tok-secret")
    (failed,) = [span for span in traced.all if not span.status.is_unset]
    assert (failed.name, failed.parent, failed.status.description) == ("commit", second.context, None)


def test_of_a_failure_a_span_says_the_kind_and_not_the_text() -> None:
    traced = Traced()
    traced.telemetry.batch_began([chunk(sent(0))])
    with pytest.raises(ValueError, match=SUBJECT), traced.telemetry.stage("decode"):
        raise ValueError(SUBJECT)
    traced.telemetry.batch_ended(finished=False)
    assert traced.spans["decode"].status.description == "ValueError"
    assert not traced.spans["process transactions"].status.is_ok
    assert SUBJECT not in "".join(span.to_json() for span in traced.all)


def test_nothing_is_recorded_at_ratio_0_but_a_batch_with_a_record_whose_trace_is() -> None:
    traced = Traced(ratio=0.0)
    traced.take(sent(0), sent(1, ("traceparent", NOT_SAMPLED)))
    traced.telemetry.checkpoint_chosen()
    traced.telemetry.committed(0.01, 0)
    assert traced.all == []
    traced.take(sent(2), sent(3, ("traceparent", SAMPLED)))
    assert set(traced.spans) == {"take", "process transactions"}


async def test_a_model_that_is_published_later_belongs_to_the_batch_that_gave_the_reason() -> None:
    """The learner waits out its pause with a timer, and its batch may have ended by then."""
    traced, published = Traced(), asyncio.Event()
    snapshot = SimpleNamespace(name="boost", version=9, scored_by="boost@9", quality={})

    def publish() -> None:
        traced.telemetry.snapshot_published(snapshot, 1_000, 0.25)  # type: ignore[arg-type] - what is told of it
        published.set()

    traced.telemetry.batch_began([chunk(sent(0))])
    asyncio.get_running_loop().call_later(0.0, publish)
    traced.telemetry.batch_ended(finished=True)
    await published.wait()
    span = traced.spans["publish"]
    assert span.parent == traced.spans["process transactions"].context
    assert dict(span.attributes or {}) == {
        "fraudstream.model": "boost@9",
        "fraudstream.snapshot_bytes": 1_000,
    }
    assert (span.end_time or 0) - (span.start_time or 0) == 250_000_000


async def test_each_agent_has_its_own_batch_in_hand() -> None:
    """Two agents of one worker take turns in the middle of a batch, as labelling's and learning's do."""
    traced = Traced()

    async def agent(number: int) -> None:
        traced.telemetry.batch_began([chunk(sent(number))])
        await asyncio.sleep(0)
        with traced.telemetry.step(f"step {number}"):
            await asyncio.sleep(0)
        traced.telemetry.batch_ended(finished=True)

    await asyncio.gather(asyncio.create_task(agent(1)), asyncio.create_task(agent(2)))
    offsets = {
        span.context.span_id: (span.events[0].attributes or {})["messaging.kafka.offset"]
        for span in traced.all
        if span.name == "process transactions"
    }
    steps = {span.name: span.parent for span in traced.all if span.name.startswith("step")}
    assert {name: offsets[parent.span_id] for name, parent in steps.items() if parent} == {
        "step 1": 1,
        "step 2": 2,
    }


async def test_scores_and_alerts_carry_the_context_on_and_spans_name_nobody(app: Any) -> None:
    """Through the scoring agent itself: a traced record, one without a trace, one that is no transaction."""
    traced = Traced()
    core = ScoringCore(
        PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.0, 1.0), timer=traced.telemetry.stage
    )
    scoring.bind(
        app,
        Topics(),
        core,
        traced.telemetry,
        admission=TransactionValidator(),
        clock=lambda: SENT_AT_MS / 1_000,
        prepared=_at_once,
    )
    state = ("tracestate", b"vendor=1")
    records = (
        sent(0, ("traceparent", SAMPLED), state, ("other", b"x")),
        sent(1, ("traceparent", b"broken"), state),
        sent(2, subject=""),
    )
    batch = chunk(*records, states=app.states)

    async def waiting() -> Any:
        traced.telemetry.batch_began([batch])
        yield [batch]
        traced.telemetry.batch_ended(finished=True)

    await app.processes[scoring.NAME](waiting())
    carried = [dict(put.headers) for put in app.outbox.records if put.topic in {"scores", "alerts"}]
    assert carried == [{"traceparent": SAMPLED, "tracestate": b"vendor=1"}] * 2 + [{}] * 2
    span = traced.spans["process transactions"]
    assert (span.attributes or {})["fraudstream.scored_by"] == "prior"
    assert (span.attributes or {})["fraudstream.scored"] == 2
    assert set(traced.spans) >= {"take", "decode", "profile", "features", "score", "decide", "encode"}
    said = "".join(each.to_json() for each in traced.all)
    for secret in (SUBJECT, "id-of", "shop-of", "12.50", "vendor=1"):
        assert secret not in said


async def _at_once() -> None:
    pass


def test_the_sampler_keeps_to_its_ratio() -> None:
    """By the trace's id, so that all who see the trace choose alike."""
    sampler = LinkedOrRatio(0.25)
    ids = [number << 62 for number in range(4)]  # the lowest 64 bits decide
    taken = [sampler.should_sample(None, each, "batch").decision.is_sampled() for each in ids]
    assert taken == [True, False, False, False]
    assert "0.25" in sampler.get_description()
