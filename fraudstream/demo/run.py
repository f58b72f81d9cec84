"""The demo from its start to its clean end."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fraudstream.demo.display import display_on, say
from fraudstream.demo.environment import demo_topics, topic_environment
from fraudstream.demo.errors import DemoFailed
from fraudstream.demo.summary import summary
from fraudstream.demo.watch import watch
from fraudstream.demo.workers import Workers
from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import create_topics
from fraudstream.local.broker import HOST, LocalKafka
from fraudstream.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from fraudstream.demo.options import DemoOptions
    from fraudstream.settings.sections import TopicSettings

_AROUND_SECONDS = 30
_KEY_BYTES = 32


def run(options: DemoOptions, console: Console) -> None:
    """Run a demo; nothing of it runs any more when this returns or raises.

    Args:
        options: the person's choices.
        console: shows everything.

    Raises:
        FraudstreamError: Kafka cannot start, a worker left, or something sent is not accounted for; the
            folder with the logs is then kept.
        KeyboardInterrupt: the person had enough.
    """
    say(console, _introduction(options))
    with _run_folder(console) as folder, _local_kafka(folder, console) as broker:
        kafka, topics = KafkaSettings(bootstrap_servers=broker.bootstrap_servers), demo_topics(options)
        _make_topics(kafka, topics, console)
        signing_key = secrets.token_hex(_KEY_BYTES)
        with Workers.start(options, broker.bootstrap_servers, signing_key, folder) as workers:
            _wait_until_ready(workers, options, console)
            check = _check(broker, workers)
            outcome = watch(options, kafka, topics, workers.all, display_on(console), check)
            console.print()
            console.print(summary(outcome.figures, outcome.sent))
            if options.keep:
                _keep(broker, topics, workers, folder, console, check)
            _stop_in_order(workers)
    say(console, "Kafka and the workers have ended, and nothing is left behind.")
    if not options.keep:
        say(console, _next_steps())


def _introduction(options: DemoOptions) -> str:
    return (
        f"This starts a real Apache Kafka on this machine, {options.workers} fraudstream workers that score "
        f"and one that learns, sends them the card payments and transfers of a simulated bank, "
        f"{options.rate:,.0f} a second, its labels as late as banks get them, and shows what they find. "
        f"It takes about {options.seconds + _AROUND_SECONDS:.0f} s; Ctrl-C ends it."
    )


@contextmanager
def _run_folder(console: Console) -> Iterator[Path]:
    """A folder for this run, removed at its end, kept when something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="fraudstream-demo-"))
    try:
        yield folder
    except Exception:
        say(console, f"The logs are kept in {folder}.")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)


@contextmanager
def _local_kafka(folder: Path, console: Console) -> Iterator[LocalKafka]:
    """A broker for the time of the block."""
    start = time.monotonic()
    with console.status("Starting Apache Kafka"):
        broker = LocalKafka.start(folder / "kafka", announce=lambda sentence: say(console, sentence))
    with broker:
        say(console, f"Kafka answers at {broker.bootstrap_servers} after {time.monotonic() - start:.1f} s.")
        yield broker


def _make_topics(kafka: KafkaSettings, topics: TopicSettings, console: Console) -> None:
    with kafka_admin(kafka) as admin:
        made = create_topics(admin, topics.specs(), replication_factor=1)
    say(
        console,
        f"{len(made)} topics are made, {topics.names().transactions} with {topics.partitions} partitions.",
    )


def _wait_until_ready(workers: Workers, options: DemoOptions, console: Console) -> None:
    start = time.monotonic()
    with console.status("Starting the workers"):
        workers.wait_until_ready()
    names = ", ".join(worker.slot for worker in workers.all)
    say(console, f"Ready after {time.monotonic() - start:.1f} s ({options.mode}): {names}.")


def _check(broker: LocalKafka, workers: Workers) -> Callable[[], None]:
    """What makes sure that Kafka and the workers run."""

    def check() -> None:
        workers.check()
        if broker.process.poll() is not None:
            raise DemoFailed(f"Kafka left; {broker.data_dir / 'kafka.log'} tells why.")

    return check


def _keep(
    broker: LocalKafka,
    topics: TopicSettings,
    workers: Workers,
    folder: Path,
    console: Console,
    check: Callable[[], None],
) -> None:
    """Leave everything running until Ctrl-C, which is how this is meant to end."""
    say(console, f"\nKafka and the workers go on, logs in {folder}; Ctrl-C ends them. In another terminal:")
    say(console, f"  export FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS={broker.bootstrap_servers}")
    for name, value in topic_environment(topics).items():
        say(console, f"  export {name}={value}")
    say(console, "  fraudstream alerts --from-beginning")
    say(console, "  fraudstream doctor")
    for worker in workers.all:
        say(console, f"  curl http://{HOST}:{worker.port}/metrics    # {worker.slot}")
    try:
        while True:
            check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def _stop_in_order(workers: Workers) -> None:
    """Stop the workers.

    Raises:
        DemoFailed: one did not end in order.
    """
    for slot, status in workers.stop().items():
        if status:
            raise DemoFailed(f"The worker {slot} left with status {status} when it was told to stop.")


def _next_steps() -> str:
    return (
        "Next: `fraudstream demo --keep` leaves everything running to look around; `fraudstream dev kafka "
        "--topics`, `fraudstream worker`, `fraudstream simulate` and `fraudstream alerts` do the same one "
        "by one."
    )
