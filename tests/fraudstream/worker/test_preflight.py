"""Before a worker starts: which topics it needs, and what is said when they are not there."""

from __future__ import annotations

from socket import create_server

import pytest

from agents.topics import Topics
from fraudstream.kafka.topics import TopicsRefused
from fraudstream.settings import KafkaSettings, WebSettings, WorkerSettings
from fraudstream.worker.preflight import (
    AddressRefused,
    ClientRefused,
    expect_address,
    expect_client,
    refuse_faults,
    used_topics,
)

TOPICS = Topics()
ALL = WorkerSettings().agents


LEARNING_SIDE = ("labelling", "reputation", "learning")


def counts(agents: tuple[str, ...] = ALL, **changes: int | None) -> dict[str, int | None]:
    """Eight partitions for each used topic, but for the changes, named as `Topics` names them."""
    changed = {getattr(TOPICS, name): count for name, count in changes.items()}
    return dict.fromkeys(used_topics(TOPICS, agents), 8) | changed


def test_each_agent_needs_what_it_reads_and_writes_and_no_more() -> None:
    scoring, intake = used_topics(TOPICS, ["scoring"]), used_topics(TOPICS, ["intake"])
    assert "scoring-changelog" in scoring
    assert "labels" not in scoring
    assert set(intake) == {"labels", "labels.keyed", "dead-letters"}
    assert sorted(used_topics(TOPICS, ALL)) == sorted({*scoring, *intake}), "each once"


def test_the_learning_side_needs_what_its_agents_hand_on_to_each_other() -> None:
    labelling, reputation, learning = (set(used_topics(TOPICS, [agent])) for agent in LEARNING_SIDE)
    assert labelling & learning == {"examples", "dead-letters"}
    assert labelling & reputation == {"outcomes", "dead-letters"}
    assert {"models", "controls"} <= learning, "it must know what was published, and what is pinned"
    assert "transactions" not in labelling | reputation | learning


def test_topics_that_are_there_let_a_worker_start() -> None:
    refuse_faults(TOPICS, counts(scores=3, labels_keyed=3, reputations=4, models=1, labels=5))
    refuse_faults(TOPICS, counts(LEARNING_SIDE, outcomes=4, reputation_changelog=4, examples=1))
    refuse_faults(TOPICS, dict.fromkeys(used_topics(TOPICS, ["intake"]), 2))


def test_missing_topics_are_named_in_one_sentence_with_the_mend() -> None:
    with pytest.raises(TopicsRefused) as refused:
        refuse_faults(TOPICS, counts(scores=None, scoring_changelog=None))
    assert str(refused.value) == "Kafka lacks scores, scoring-changelog: run `fraudstream topics create`."


def test_transactions_that_got_more_partitions_than_their_changelog_stop_nobody() -> None:
    """The worker reads those that it can, and says so."""
    refuse_faults(TOPICS, counts(scoring_changelog=7))


@pytest.mark.parametrize("partitions", [7, 9])
@pytest.mark.parametrize(
    ("agents", "follower", "setting"),
    [
        (LEARNING_SIDE, "labels_keyed", "SCORE_PARTITIONS"),
        (LEARNING_SIDE, "reputation_changelog", "REPUTATION_PARTITIONS"),
    ],
)
def test_a_topic_must_have_as_many_partitions_as_the_one_that_it_goes_along_with(
    agents: tuple[str, ...], follower: str, setting: str, partitions: int
) -> None:
    name = getattr(TOPICS, follower)
    with pytest.raises(TopicsRefused, match=rf"{name} has {partitions} .* FRAUDSTREAM_TOPICS__{setting} say"):
        refuse_faults(TOPICS, counts(agents, **{follower: partitions}))


@pytest.mark.parametrize(
    ("client", "says"),
    [
        ({"no.such.property": "planted"}, 'No such configuration property: "no.such.property"'),
        ({"socket.timeout.ms": "planted"}, 'Invalid value for configuration property "socket.timeout.ms"'),
        ({"debug": "planted"}, 'Invalid value "**********" for configuration property "debug"'),
    ],
)
def test_what_kafkas_client_refuses_is_one_sentence_without_the_value(
    client: dict[str, str], says: str
) -> None:
    with pytest.raises(ClientRefused) as refused:
        expect_client(KafkaSettings(client=client))
    assert str(refused.value) == f"Kafka's client refuses the FRAUDSTREAM_KAFKA__ settings: {says}."


def test_what_kafkas_client_takes_is_not_refused() -> None:
    expect_client(KafkaSettings(client={"socket.keepalive.enable": "true"}))


def test_an_address_of_another_program_is_refused_and_a_free_one_is_not() -> None:
    with create_server(("127.0.0.1", 0)) as server:
        web = WebSettings(port=server.getsockname()[1])
        with pytest.raises(AddressRefused, match=rf"127\.0\.0\.1 port {web.port} .*FRAUDSTREAM_WEB__PORT"):
            expect_address(web)
    expect_address(web)


def test_an_address_that_is_none_of_this_machine_is_refused() -> None:
    with pytest.raises(AddressRefused, match=r"192\.0\.2\.1"):
        expect_address(WebSettings(host="192.0.2.1", token="0" * 16, allow_plaintext_token=True))
