"""The delivery engine: Faust agents on librdkafka, with partition state and one transaction per commit.

```
 poller (thread) -> consumer -> stream -> agent -> outbox        chunks of one partition; acknowledged when the next is asked for
     |                 |  gate                       |
 assignment        checkpoint  <---------------------'           outputs + changelog + source offsets, durable together
     |
 restore                                                         state comes back before the first chunk of its partition
```

It promises: no record is lost; state, outputs and offsets agree after any crash; in exactly-once mode a reader of committed records
sees each output once, in at-least-once mode repeats carry the same ids.
"""

from agents.runtime.app import App
from agents.runtime.options import DeliveryMode, DeliveryOptions
from agents.runtime.partition import Chunk
from agents.runtime.state import PartitionState

__all__ = ["App", "Chunk", "DeliveryMode", "DeliveryOptions", "PartitionState"]
