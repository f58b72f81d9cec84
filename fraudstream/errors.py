"""What goes wrong at a terminal, each as one sentence for the person there.

FraudstreamError          one sentence, and the exit status that the command line leaves with
  SettingsError           a setting is wrong or unknown (status 2)
  KafkaUnreachable        Kafka does not answer, or refuses a request
  TopicsRefused           Kafka would not make a topic, or a needed one is missing
  ModelRefused            what was asked of a model or a control cannot be done
  DeadLettersRefused      what was asked of dead letters cannot be done
  AddressRefused          a worker's web server cannot listen where it should
  ClientRefused           Kafka's client library does not take its settings
  CertificateRefused      a worker's web server cannot use its certificate
  TracingRefused          traces are asked for and cannot be made
  LocalKafkaError         the local Kafka cannot start
    KafkaJarsError        its jars cannot be had
"""

from __future__ import annotations

from typing import ClassVar


class FraudstreamError(Exception):
    """Something a person can mend; the text is one sentence, shown without a traceback."""

    exit_status: ClassVar[int] = 1
    is_for_people: ClassVar = True


class LocalKafkaError(FraudstreamError):
    """The local Kafka cannot start; the text is one sentence."""
