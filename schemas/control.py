"""Topic `controls`: what an operator tells every scorer while it runs.

Each control is one record under the name of what it sets, signed. The newest of a name is in force, so either
kind of decision policy replaces the other. The topic is a log that is kept whole: an old record that somebody
sends again is told from the newest one by that.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, Strict, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.decoding import decode
from schemas.errors import ErrorType
from schemas.fields.money import CurrencyCode
from schemas.fields.times import Time
from schemas.fields.tokens import Code, Text
from schemas.message import Message, Probability, Whole

DECISION_POLICY: Final = "decision-policy"
"""Key of the controls that choose the policy."""
MODEL: Final = "model"
"""Key of the controls that hold every scorer to one version of the model."""
EXCHANGE_RATES: Final = "exchange-rates"
"""Key of the controls by which every scorer converts amounts."""

_Hmac = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]


class _Control(Message):
    """What every control says of itself."""

    issued_at: Time
    """When the operator set it; later than that of the control that it replaces."""
    remark: Text | None = None
    """Why."""
    signature: _Hmac | None = None
    """HMAC-SHA256 of key and value, in hexadecimal; the last field. Scorers refuse a control without it."""


class _DecisionPolicy(_Control):
    """What controls of the policy have in common."""

    control: Literal["decision-policy"] = DECISION_POLICY
    """Name of the control and key of its record."""


class _ChosenPolicy(_DecisionPolicy):
    """What both policies say of themselves."""

    version: Code
    """Name of this setting; alerts carry it."""
    decline: Probability
    """Score from which an alert is a decline."""


class FixedThreshold(_ChosenPolicy):
    """Alert from fixed scores on."""

    kind: Literal["fixed-threshold"] = "fixed-threshold"
    """Tells the controls apart."""
    review: Probability
    """Score from which a transaction is reviewed."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_order("review", self.review, "decline", self.decline)
        return self


class AlertBudget(_ChosenPolicy):
    """Alert on the highest scores, so many among 10,000 transactions."""

    kind: Literal["alert-budget"] = "alert-budget"
    """Tells the controls apart."""
    alerts_per_10000: Annotated[float, Strict(), Field(gt=0.0, le=10_000.0, allow_inf_nan=False)]
    """Alerts wanted among 10,000 transactions."""
    floor: Probability
    """Lowest threshold for review: below it the budget is not spent."""
    ceiling: Probability
    """Highest threshold for review: from it on alerts go beyond the budget."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_order("floor", self.floor, "ceiling", self.ceiling)
        return self


class ConfiguredPolicy(_DecisionPolicy):
    """Alert as each scorer's settings say, as if no control had ever chosen a policy."""

    kind: Literal["configured-policy"] = "configured-policy"
    """Tells the controls apart."""


class _Model(_Control):
    """What controls of the model have in common."""

    control: Literal["model"] = MODEL
    """Name of the control and key of its record."""


class ModelPin(_Model):
    """Score by one version of the model until told otherwise."""

    kind: Literal["model-pin"] = "model-pin"
    """Tells the controls apart."""
    name: Code
    """Name of the model."""
    model_version: Whole
    """Version to score by; 0 for the prior model."""


class ModelUnpin(_Model):
    """Score by the newest version of the model."""

    kind: Literal["model-unpin"] = "model-unpin"
    """Tells the controls apart."""


Rate = Annotated[float, Strict(), Field(ge=1e-9, le=1e9, allow_inf_nan=False)]


class ExchangeRates(_Control):
    """Convert amounts that are not in the currency of their account by these rates."""

    control: Literal["exchange-rates"] = EXCHANGE_RATES
    """Name of the control and key of its record."""
    kind: Literal["exchange-rates"] = "exchange-rates"
    """Tells the controls apart."""
    as_of: Time
    """When the rates held."""
    base: CurrencyCode
    """Currency of which one unit is worth each of `rates`."""
    rates: dict[CurrencyCode, Rate]
    """By currency, how many units of it are one unit of `base`; of a currency without one no amount is
    converted."""

    @model_validator(mode="after")
    def _check_base(self) -> Self:
        if self.rates.get(self.base, 1.0) != 1.0:
            raise PydanticCustomError(ErrorType.INVALID_VALUE, "must be 1 for the base", {"field": "rates"})
        return self


Control = FixedThreshold | AlertBudget | ConfiguredPolicy | ModelPin | ModelUnpin | ExchangeRates
"""Any control."""

CONTROL: TypeAdapter[Control] = TypeAdapter(
    Annotated[Control, Field(discriminator="kind")], config=ConfigDict(hide_input_in_errors=True)
)
"""Compiled validator of any control, told apart by `kind`."""


def decode_control(data: bytes) -> Control:
    """Decode a value of topic `controls`, whoever signed it.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(CONTROL.validate_python, data, tagged=True)


def _check_order(low_field: str, low: float, high_field: str, high: float) -> None:
    if low > high:
        context = {"field": low_field, "other": high_field}
        raise PydanticCustomError(ErrorType.INVALID_VALUE, "must not be above {other}", context)
