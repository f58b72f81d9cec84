"""The Faust app with the delivery engine under it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import confluent_kafka
import faust
import mode
from faust.sensors.monitor import Monitor
from faust.tables.manager import TableManager
from faust.transport import base

from agents.runtime.consumer import Consumer
from agents.runtime.outbox import Outbox
from agents.runtime.producer import Producer
from agents.runtime.state import Binding
from agents.runtime.stream import ChunkStream
from agents.runtime.watchdog import leave

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Sequence

    from faust.types import TP

    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.partition import Chunk
    from agents.runtime.state import PartitionState

    AgentFunction = Callable[[AsyncIterable[Sequence[Chunk]]], Awaitable[None]]


class App(faust.App):
    """A Faust app whose agents receive chunks and write through `outbox`.

    Faust gives agents, topics, supervision, the worker's signals and the web server; its tables, recovery,
    assignor and fetcher are not used.
    """

    def __init__(
        self,
        delivery: DeliveryOptions,
        observer: Observer,
        *,
        leave: Callable[[str, int], None] = leave,
        **settings: Any,
    ) -> None:
        """Configure; nothing is connected before the worker starts the app.

        Args:
            delivery: the delivery engine's options.
            observer: hears what the engine does.
            leave: ends the process when the watchdog finds it stalled.
            settings: further settings of Faust, such as the web server's.
        """
        self.delivery = delivery
        self.observer = observer
        self.leave = leave
        self.outbox = Outbox(delivery)
        self.bindings: list[Binding] = []
        super().__init__(
            delivery.group,
            broker="kafka://",
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=True,
            agent_supervisor=mode.CrashingSupervisor,
            worker_redirect_stdouts=False,
            Stream=ChunkStream,
            TableManager=_NoTables,
            Monitor=_QuietMonitor,
            **settings,
        )

    def bind(
        self,
        name: str,
        topic: str,
        process: AgentFunction,
        *,
        new_state: Callable[[], PartitionState] | None = None,
        changelog: str | None = None,
    ) -> None:
        """Run `process` as the agent `name` on the chunks of `topic`, with a state per partition if asked."""
        if new_state is not None:
            self.bindings.append(Binding(name, topic, changelog, new_state))
        source = self.topic(topic, key_type=bytes, value_type=bytes)
        self.agent(source, name=name)(process)

    @contextmanager
    def beside(self, agent: str) -> Iterator[None]:
        """Leave if the block fails: an agent does it beside its chunks, and nobody else hears of it."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - whatever it is
            self.consumer.agent_failed(agent, failure, None)

    async def _on_agent_error(self, agent: Any, failure: BaseException) -> None:
        event = faust.current_event()
        self.consumer.agent_failed(agent.name, failure, None if event is None else event.message)

    def _create_directories(self) -> None:
        """Make none: a worker writes to Kafka only, and may run on a read-only file system."""

    def _new_transport(self) -> base.Transport:
        return _Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> base.Transport:
        return _Transport(self.conf.broker_producer, self)


class _NoFetcher(mode.Service):
    """Stands where Faust fetches: the poll thread does."""

    def __init__(self, app: faust.App, **kwargs: Any) -> None:
        del app
        super().__init__(**kwargs)


class _Transport(base.Transport):
    """Tells Faust which classes stand for Kafka."""

    Consumer = Consumer
    Producer = Producer
    Fetcher = _NoFetcher
    default_port = 9092
    driver_version = f"confluent-kafka {confluent_kafka.__version__}"


class _NoTables(TableManager):
    """Stands where Faust keeps tables: state is kept by the delivery engine."""

    async def on_start(self) -> None:
        """Have no tables to wait for."""
        self._tables_registered.set()

    async def on_stop(self) -> None:
        """Have nothing to flush."""

    def on_rebalance_start(self) -> None:
        """Have nothing to recover."""

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Have nothing to hand over."""

    async def on_rebalance(self, *args: Any) -> None:
        """Have nothing to recover."""

    async def wait_until_recovery_completed(self) -> bool:
        """Let agents start once the first partitions are restored."""
        return bool(await self.wait_for_stopped(self.app.consumer.ready))


class _QuietMonitor(Monitor):
    """Faust's monitor without its bookkeeping per event, which costs more than the event."""

    def on_message_in(self, *args: Any) -> None:
        """Count nothing: the agents' telemetry does, once a chunk."""

    def on_stream_event_in(self, *args: Any) -> None:
        """Count nothing."""

    def on_stream_event_out(self, *args: Any) -> None:
        """Count nothing."""

    def on_message_out(self, *args: Any) -> None:
        """Count nothing."""
