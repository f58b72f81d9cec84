"""A transfer as the world thinks of it, before it is a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fraudstream.simulate.world import SimulatedTransaction

if TYPE_CHECKING:
    from fraudstream.simulate.transfers.population import Account


class Order(NamedTuple):
    """One order to pay.

    Attributes:
        time: seconds since the epoch.
        debtor: who pays.
        creditor: who is paid.
        amount: in EUR.
        payment_type: `credit-transfer`, `instant` or `standing-order`.
        purpose: ISO 20022 ExternalPurpose1Code.
        channel: `mobile`, `web`, `branch`, or `batch` for what the bank or a company's system starts.
        fraud: the truth.
    """

    time: float
    debtor: Account
    creditor: Account
    amount: float
    payment_type: str
    purpose: str
    channel: str
    fraud: bool = False

    def transaction(self, end_to_end_id: str) -> SimulatedTransaction:
        """Return the order as a message of our schema; its fields are the same for every order."""
        message: dict[str, str | bool | int] = {
            "schema_version": 1,
            "kind": "transfer",
            "end_to_end_id": end_to_end_id,
            "debtor_account": self.debtor.account,
            "creditor_account": self.creditor.account,
            "instructed_amount": f"{max(self.amount, 0.01):.2f}",
            "currency": "EUR",
            "creditor_country": self.creditor.country,
            "payment_type": self.payment_type,
            "purpose_code": self.purpose,
            "channel": self.channel,
        }
        return SimulatedTransaction(
            round(self.time, 3), end_to_end_id, self.debtor.account, self.fraud, message
        )
