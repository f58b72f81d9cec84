"""The stories of every alert."""

from __future__ import annotations

from tests.ops.stories_flow import FLOW
from tests.ops.stories_learning import LEARNING
from tests.ops.stories_objectives import OBJECTIVES
from tests.ops.stories_quality import QUALITY
from tests.ops.stories_workers import WORKERS

CASES = (*OBJECTIVES, *WORKERS, *FLOW, *LEARNING, *QUALITY)
