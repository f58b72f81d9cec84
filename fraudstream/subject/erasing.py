"""Has a card or an account forgotten, and says what was done.

One signed record on `transactions` begins it. Each agent that takes it forgets, and passes it on behind what
it had told before, so nothing here writes to a state, a store or a changelog that a worker owns.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fraudstream.kafka_admin import kafka_admin
from fraudstream.subject.certificate import Certificate, token_hmac
from fraudstream.subject.following import Pursuit
from fraudstream.subject.models import read_models, refuse_pin
from fraudstream.subject.outcome import model_change, stores
from fraudstream.subject.remains import labelling_files, remains
from fraudstream.subject.stocktaking import take_stock
from fraudstream.topics import read_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fraudstream.settings import Settings
    from fraudstream.subject.request import Request


def erase(
    settings: Settings,
    key: bytes,
    request: Request,
    *,
    patience: float,
    say: Callable[[str], None],
    clock: Callable[[], datetime],
) -> Certificate | None:
    """Have all that is held on a card or an account forgotten.

    Args:
        settings: where the service is.
        key: signs erasure and certificate.
        request: what is asked for.
        patience: seconds to wait for the workers.
        say: is told in sentences what is waited for.
        clock: gives the time of now.

    Returns:
        What was done; None where nothing is held, and nothing was written.

    Raises:
        ErasureRefused: a pin holds the scorers to a model that learnt what is to be erased.
        KafkaUnreachable: Kafka does not answer.
    """
    stock = take_stock(settings, request.subject)
    if stock.is_empty:
        return None
    before, others = read_models(settings, key)
    refuse_pin(before, stock)
    progress, after = Pursuit(settings, key, request, patience, say).run(stock, before)
    left = take_stock(settings, request.subject)
    with kafka_admin(settings.kafka) as admin:
        configs = read_topics(admin, list(left.holdings))
    now = clock()
    topics = settings.topics.names()
    return Certificate(
        erasure_id=request.erasure_id,
        token_hmac=token_hmac(request.subject, key),
        issued_at=request.issued_at,
        completed_at=now,
        code_version=version("fraudstream"),
        stores=stores(stock, left, progress, topics),
        model=model_change(stock, progress, topics, before, after, others),
        remains=(*remains(left.holdings, configs, now), *labelling_files(len(stock.rows))),
    )
