"""The delivery engine: Faust agents on librdkafka, with partition state and one transaction per commit.

```
 poller (thread) -> engine -> in_flight -> agent -> outbox
     |                |                              |
 assignment       checkpoint <-----------------------'
     |
 restore
```

`app` alone knows Faust, which runs the agents; `testing` stands in for all this in tests of agents.

Chunks are records of one partition, acknowledged when the next is asked for. State comes back before the
first chunk of its partition. A checkpoint makes outputs, changelog and source offsets durable together.

It promises: no record is lost; state, outputs and offsets agree after any crash; in exactly-once mode a
reader of committed records sees each output once, in at-least-once mode repeats carry the same ids.
"""

from agents.runtime.app import App
from agents.runtime.options import DeliveryMode, DeliveryOptions
from agents.runtime.partition import Chunk
from agents.runtime.state import KeepsItself, PartitionState, Replays

__all__ = ["App", "Chunk", "DeliveryMode", "DeliveryOptions", "KeepsItself", "PartitionState", "Replays"]
