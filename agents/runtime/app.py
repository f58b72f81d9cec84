"""The one seam to Faust, by its public hooks alone.

Agents, their supervision, the worker's signals and the web server are Faust's; Kafka is the engine's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import faust
import mode
from faust.app.base import BootStrategy

from agents.runtime.engine import Engine
from agents.runtime.state import Binding
from agents.runtime.watchdog import leave

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Sequence,
    )

    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.outbox import Outbox
    from agents.runtime.partition import Chunk
    from agents.runtime.state import PartitionState

    AgentFunction = Callable[[AsyncIterable[Sequence[Chunk]]], Awaitable[None]]


class _Boot(BootStrategy):
    """Starts web server, agents and engine, in this order: neither Faust's transport nor its tables."""

    def server(self) -> Iterable[Any]:
        """Give the services of a worker."""
        return [*self.web_server(), *self.agents(), self.app.engine]


class _Batches(faust.Stream):
    """Batches of chunks, in place of Faust's events. `take`, `group_by` and processors are not for chunks."""

    def __aiter__(self) -> AsyncIterator[Sequence[Chunk]]:
        """Iterate over what the engine has for the agent, by either of Faust's ways (compiled or not)."""
        batches: AsyncIterator[Sequence[Chunk]] = self.app.engine.in_flight.batches(
            self.channel.get_topic_name()
        )
        return batches


class App(faust.App):
    """A Faust app whose agents receive chunks and write through `outbox`."""

    BootStrategy = _Boot

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
        self.bindings: list[Binding] = []
        self.engine = Engine(delivery, self.bindings, observer, leave)
        super().__init__(
            delivery.group,
            agent_supervisor=mode.CrashingSupervisor,
            worker_redirect_stdouts=False,
            Stream=_Batches,
            **settings,
        )

    @property
    def outbox(self) -> Outbox:
        """Where agents put their records."""
        return self.engine.outbox

    def bind(
        self,
        name: str,
        topic: str,
        process: AgentFunction,
        *,
        new_state: Callable[[], PartitionState] | None = None,
        changelog: str | None = None,
    ) -> None:
        """Run `process` as the agent `name` on the chunks of `topic`, with a state per partition if asked.

        Raises:
            ValueError: the topic has an agent already.
        """
        self.engine.in_flight.add_topic(topic)
        if new_state is not None:
            self.bindings.append(Binding(name, topic, changelog, new_state))

        async def agent(batches: Any) -> None:
            try:
                await process(batches)
            except Exception as failure:
                self.engine.agent_failed(name, failure, topic)
                raise

        self.agent(self.topic(topic), name=name)(agent)

    @contextmanager
    def beside(self, agent: str) -> Iterator[None]:
        """Leave if the block fails: an agent does it beside its chunks, and nobody else hears of it."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - whatever it is
            self.engine.agent_failed(agent, failure)

    async def on_first_start(self) -> None:
        """Make no directories: a worker writes to Kafka only, and may run on a read-only file system."""

    async def on_start(self) -> None:
        """Make no consumer of Faust's own."""
        self.finalize()

    async def on_started(self) -> None:
        """Start further services once the first partitions are restored."""
        if not await self.wait_for_stopped(self.engine.ready):
            await super().on_started()

    async def on_stop(self) -> None:
        """Stop the engine first: what agents have in hand may need everything else."""
        await self.engine.stop()
        await super().on_stop()
