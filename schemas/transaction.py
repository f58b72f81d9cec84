"""Topic `transactions`: what the bank sends, one message for each card payment or account transfer.

| field | card: ISO 8583 data element | transfer: ISO 20022 element (pacs.008) |
|---|---|---|
| `transaction_id` / `end_to_end_id` | 37 retrieval reference number | `PmtId/EndToEndId` |
| `event_time` | 7 transmission date and time, with offset | `AccptncDtTm`, else `GrpHdr/CreDtTm` |
| `card_id` / `debtor_account` | token for 2 primary account number | token for `DbtrAcct/Id` |
| `merchant_id` / `creditor_account` | 42 card acceptor identification code | token for `CdtrAcct/Id` |
| `terminal_id` | 41 card acceptor terminal identification | |
| `amount` / `instructed_amount` | 4 amount, transaction | `InstdAmt` |
| `currency` | 49 currency code, transaction (alphabetic) | `InstdAmt/@Ccy` |
| `billing_amount`, `billing_currency` | 6 and 51, cardholder billing | |
| `booked_amount`, `booked_currency` | | in the account's currency, `Ntry/Amt` of camt.054 |
| `merchant_category_code` | 18 merchant type (ISO 18245) | |
| `country` / `creditor_country` | 19 acquiring country, as letters | country of `CdtrAgt`, else of `Cdtr` |
| `point_of_service_entry_mode` | 22 point of service entry mode | |
| `channel` | sender's own: `pos`, `atm`, `online` ... | sender's own: `mobile`, `branch`, ... |
| `card_present` | derived from 22 or 61 | |
| `payment_type` | | `PmtTpInf/LclInstrm`: `instant`, `credit-transfer`, ... |
| `purpose_code` | | `Purp/Cd` (ExternalPurpose1Code) |

ISO 8583 fills elements 41 and 42 with spaces to their fixed length: cut them off. An optional field that is
empty is left out. Ids and tokens are refused where they hold a card number; `schemas.fields.tokens` says
which forms always pass.
"""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, TypeAdapter, model_validator

from schemas.decoding import decode
from schemas.fields.codes import CountryCode, EntryModeCode, MerchantCategoryCode
from schemas.fields.money import Amount, CurrencyCode, check_minor_units
from schemas.fields.times import Time
from schemas.fields.tokens import Code, Identifier, Token
from schemas.message import Message
from schemas.privacy import NETWORKS_ONLY, Privacy


class CardTransaction(Message):
    """A card payment or withdrawal."""

    kind: Literal["card"] = "card"
    """Tells the kinds of transaction apart."""
    transaction_id: Identifier
    """Names the transaction for labels. Sent again with the same event time, amount and counterparty, it is a
    repeat of one of the card's last 32 transactions, counted and not scored; with any other it is scored."""
    event_time: Time
    """When the card was used."""
    card_id: Token
    """Token or keyed hash of the card, never its number."""
    merchant_id: Identifier
    """Card acceptor."""
    terminal_id: Identifier | None = None
    """Terminal of the card acceptor."""
    amount: Amount
    """Amount in the currency of the merchant."""
    currency: CurrencyCode
    """Currency of `amount`."""
    billing_amount: Amount | None = None
    """Amount in the currency of the card account, in which all of the card's amounts are compared. Without
    it, `amount` is compared if the account has its currency or a rate is known."""
    billing_currency: CurrencyCode | None = None
    """Currency of `billing_amount`; a `billing_amount` without it is not used."""
    merchant_category_code: MerchantCategoryCode | None = None
    """What the merchant sells."""
    country: CountryCode | None = None
    """Where the card was used."""
    point_of_service_entry_mode: EntryModeCode | None = None
    """How the card data were read."""
    channel: Code | None = None
    """Way in, in the sender's own vocabulary."""
    card_present: StrictBool | None = None
    """Whether the card was there."""

    @model_validator(mode="after")
    def _check_amounts(self) -> Self:
        check_minor_units("amount", self.amount, self.currency)
        if self.billing_amount is not None and self.billing_currency is not None:
            check_minor_units("billing_amount", self.billing_amount, self.billing_currency)
        return self

    @property
    def subject(self) -> str:
        """Whose behaviour is watched: the card."""
        return self.card_id

    @property
    def counterparty(self) -> str:
        """Whose reputation counts: the terminal where one is named, else the merchant."""
        return self.terminal_id or self.merchant_id

    @property
    def event_timestamp(self) -> float:
        """Event time in seconds since 1970."""
        return self.event_time.timestamp()

    @property
    def money(self) -> tuple[float, str, bool]:
        """Amount for computing in major units, its currency, and whether it is the billed one."""
        if self.billing_amount is not None and self.billing_currency is not None:
            return float(self.billing_amount), self.billing_currency, True
        return float(self.amount), self.currency, False

    @property
    def dimensions(self) -> dict[str, str]:
        """What else the transaction names, by kind."""
        named = {"merchant": self.merchant_id}
        if self.merchant_category_code is not None:
            named["merchant-category"] = self.merchant_category_code
        if self.country is not None:
            named["country"] = self.country
        if self.channel is not None:
            named["channel"] = self.channel
        return named


class TransferTransaction(Message):
    """A transfer from one account to another."""

    kind: Literal["transfer"] = "transfer"
    """Tells the kinds of transaction apart."""
    end_to_end_id: Identifier
    """Names the transfer for labels. Sent again with the same event time, amount and creditor, it is a repeat
    of one of the debtor's last 32 transfers, counted and not scored; with any other it is scored. An id that
    payers repeat or leave out (`NOTPROVIDED`) hides nothing."""
    event_time: Time
    """When the bank accepted the order."""
    debtor_account: Token
    """Token or keyed hash of the account that pays."""
    creditor_account: Token
    """Token or keyed hash of the account that is paid."""
    instructed_amount: Amount
    """Amount that the debtor ordered."""
    currency: CurrencyCode
    """Currency of `instructed_amount`."""
    booked_amount: Amount | None = None
    """Amount in the currency of the debtor's account, in which all of its amounts are compared. Without it,
    `instructed_amount` is compared if the account has its currency or a rate is known."""
    booked_currency: CurrencyCode | None = None
    """Currency of `booked_amount`; a `booked_amount` without it is not used."""
    creditor_country: CountryCode | None = None
    """Where the creditor's bank is."""
    payment_type: Code | None = None
    """Kind of payment, in the sender's own vocabulary."""
    purpose_code: Code | None = None
    """Purpose of the payment (ISO 20022 ExternalPurpose1Code)."""
    channel: Code | None = None
    """Way in, in the sender's own vocabulary."""

    @model_validator(mode="after")
    def _check_amounts(self) -> Self:
        check_minor_units("instructed_amount", self.instructed_amount, self.currency)
        if self.booked_amount is not None and self.booked_currency is not None:
            check_minor_units("booked_amount", self.booked_amount, self.booked_currency)
        return self

    @property
    def transaction_id(self) -> str:
        """The end-to-end identification."""
        return self.end_to_end_id

    @property
    def subject(self) -> str:
        """Whose behaviour is watched: the account that pays."""
        return self.debtor_account

    @property
    def counterparty(self) -> str:
        """Whose reputation counts: the account that is paid."""
        return self.creditor_account

    @property
    def event_timestamp(self) -> float:
        """Event time in seconds since 1970."""
        return self.event_time.timestamp()

    @property
    def money(self) -> tuple[float, str, bool]:
        """Amount for computing in major units, its currency, and whether it is the booked one."""
        if self.booked_amount is not None and self.booked_currency is not None:
            return float(self.booked_amount), self.booked_currency, True
        return float(self.instructed_amount), self.currency, False

    @property
    def country(self) -> str | None:
        """Country of the creditor's bank."""
        return self.creditor_country

    @property
    def dimensions(self) -> dict[str, str]:
        """What else the transaction names, by kind."""
        named = {}
        if self.creditor_country is not None:
            named["country"] = self.creditor_country
        if self.channel is not None:
            named["channel"] = self.channel
        if self.payment_type is not None:
            named["payment-type"] = self.payment_type
        if self.purpose_code is not None:
            named["purpose"] = self.purpose_code
        return named


Transaction = Annotated[CardTransaction | TransferTransaction, Field(discriminator="kind")]
"""Either kind, told apart by `kind`."""

TRANSACTION: TypeAdapter[CardTransaction | TransferTransaction] = TypeAdapter(
    Transaction, config=ConfigDict(hide_input_in_errors=True)
)
"""Compiled validator of either kind."""
# The adapter's own call in between would take a tenth of the time.
_VALIDATE: Callable[..., CardTransaction | TransferTransaction] = TRANSACTION.validator.validate_python


def decode_transaction(
    data: bytes, privacy: Privacy = NETWORKS_ONLY
) -> CardTransaction | TransferTransaction:
    """Decode a value of topic `transactions`.

    Args:
        data: the value.
        privacy: how card numbers are looked for.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(_VALIDATE, data, tagged=True, privacy=privacy)
