"""`fraudstream worker`: one worker process."""

from __future__ import annotations


def worker() -> None:
    """Run a worker: its agents, its web server with /metrics, /livez and /readyz. SIGTERM stops it in order.

    Exit status: 0 stopped; 1 Kafka, its topics or an agent made it leave; 2 a setting is wrong; 75 it made no
    progress. Start it again after 1 or 75: it goes on from its last commit.
    """
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring
    from fraudstream.worker.main import run_worker  # noqa: PLC0415

    run_worker(load_settings())
