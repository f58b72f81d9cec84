"""What a cluster answers the doctor, made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.admin.doctor import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fraudstream.admin.doctor import Finding


class FakeAdmin:
    """The answers of a cluster, by method name; an error is raised, a function is asked."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., object]:
        def answer(*arguments: object, **_: object) -> object:
            given = self._answers[name]
            if isinstance(given, Exception):
                raise given
            return given(*arguments) if callable(given) else given

        return answer


def ill(findings: Iterable[Finding]) -> list[tuple[Severity, str]]:
    """Severity and sentence of what is not well."""
    return [(each.severity, each.sentence) for each in findings if each.severity is not Severity.OK]


def values(**config: object) -> dict[str, dict[str, str]]:
    """A configuration as Kafka describes it; `_` stands for a dot in names."""
    return {name.replace("_", "."): {"value": str(value)} for name, value in config.items()}
