"""What an operator asks for when a card or an account is to be erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from fraudstream.subject.models import ErasureRefused
from schemas.erasure import Entry, Erasure

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Request:
    """An erasure before it is written.

    Attributes:
        erasure_id: 32 hexadecimal digits that name it.
        subject: token of whom to forget.
        issued_at: when it was asked for.
    """

    erasure_id: str
    subject: str
    issued_at: datetime

    @classmethod
    def of(cls, token: str, erasure_id: str, issued_at: datetime) -> Self:
        """A request that can be written.

        Raises:
            ErasureRefused: no card or account can have this token.
        """
        request = cls(erasure_id, token, issued_at)
        try:
            request.to(Entry.TRANSACTIONS, 0)
        except ValidationError:
            raise ErasureRefused(
                "This is no token: give the card or account as transactions carry it, never a card number."
            ) from None
        return request

    def to(self, entry: Entry, partition: int) -> Erasure:
        """The message for one partition; it counts nowhere else."""
        return Erasure(
            erasure_id=self.erasure_id,
            subject=self.subject,
            issued_at=self.issued_at,
            entry=entry,
            partition=partition,
        )
