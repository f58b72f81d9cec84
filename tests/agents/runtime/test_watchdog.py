"""A stage with work that does not move is a stall; one without work is not."""

from __future__ import annotations

from agents.runtime.watchdog import EXIT_STALLED, Progress, Stage, Watchdog, reading


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stage_without_work_never_stalls() -> None:
    clock = Clock()
    progress = Progress(clock)
    clock.now += 1e6
    assert progress.stalled(60) is None
    assert progress.age() == 0


def test_what_must_come_first_keeps_work_from_being_a_stall_and_is_no_work_itself() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.goes_on()
    clock.now += 61
    assert progress.stalled(60) is None
    progress.has_work(Stage.PROCESSING)
    clock.now += 59
    progress.goes_on()
    clock.now += 59
    assert progress.stalled(60) is None
    clock.now += 2
    assert progress.stalled(60) is Stage.PROCESSING


def test_work_that_waits_too_long_is_a_stall_of_its_stage() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.has_work(Stage.COMMITTING)
    clock.now += 60
    assert progress.stalled(60) is None
    clock.now += 1
    assert progress.stalled(60) is Stage.COMMITTING
    assert progress.age() == 61


def test_more_work_does_not_make_old_work_younger() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.has_work(Stage.PROCESSING)
    clock.now += 50
    progress.has_work(Stage.PROCESSING)
    assert progress.age() == 50


def test_a_move_starts_the_clock_again_or_ends_the_work() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.has_work(Stage.PROCESSING)
    clock.now += 50
    progress.moved(Stage.PROCESSING, more=True)
    clock.now += 20
    assert progress.age() == 20
    progress.moved(Stage.PROCESSING, more=False)
    clock.now += 1e6
    assert progress.stalled(60) is None


def test_the_age_is_that_of_the_slowest_stage() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.has_work(Stage.COMMITTING)
    clock.now += 5
    progress.has_work(Stage.PROCESSING)
    clock.now += 5
    assert progress.age() == 10


def test_a_partition_that_stands_is_a_stall_though_others_move() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.has_work(reading("in", 3))
    clock.now += 61
    progress.moved(reading("in", 4), more=True)
    assert progress.stalled(60) == "reading partition 3 of in"
    assert progress.waited(reading("in", 3)) == 61
    progress.forget(reading("in", 3))
    assert progress.stalled(60) is None


def test_the_watchdog_leaves_once_with_one_sentence() -> None:
    clock, left = Clock(), []
    progress = Progress(clock)
    progress.has_work(Stage.PROCESSING)
    clock.now += 61
    watchdog = Watchdog(progress, 60, leave=lambda *said: left.append(said), interval=0.001)
    watchdog.start()
    watchdog.join(5)
    [(sentence, status)] = left
    assert "no progress in processing records for 60 s although there is work" in sentence
    assert "\n" not in sentence
    assert status == EXIT_STALLED


def test_an_ended_watchdog_is_silent() -> None:
    clock, left = Clock(), []
    progress = Progress(clock)
    watchdog = Watchdog(progress, 60, leave=lambda *said: left.append(said), interval=0.001)
    watchdog.start()
    watchdog.end()
    watchdog.join(5)
    progress.has_work(Stage.PROCESSING)
    clock.now += 61
    assert left == []
    assert not watchdog.is_alive()
