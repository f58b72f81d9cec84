"""Topic `controls`: what an operator tells every scorer while it runs.

Compacted by the name of the control, so that either kind of decision policy replaces the other.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, Strict, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.decoding import decode
from schemas.errors import ErrorType
from schemas.message import Message, Probability, Whole
from schemas.times import Time
from schemas.tokens import Code, Text

DECISION_POLICY: Final = "decision-policy"
"""Key of the control that chooses the policy."""
MODEL: Final = "model"
"""Key of the control that holds every scorer to one version of the model."""


class _DecisionPolicy(Message):
    """What both policies say of themselves."""

    control: Literal["decision-policy"] = DECISION_POLICY
    """Name of the control and key of its record."""
    version: Code
    """Name of this setting; alerts carry it."""
    issued_at: Time
    """When the operator set it."""
    remark: Text | None = None
    """Why."""
    decline: Probability
    """Score from which a transaction is declined."""


class FixedThreshold(_DecisionPolicy):
    """Alert from fixed scores on."""

    kind: Literal["fixed-threshold"] = "fixed-threshold"
    """Tells the policies apart."""
    review: Probability
    """Score from which a transaction is reviewed."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_order("review", self.review, "decline", self.decline)
        return self


class AlertBudget(_DecisionPolicy):
    """Alert on the highest scores, so many among 10,000 transactions."""

    kind: Literal["alert-budget"] = "alert-budget"
    """Tells the policies apart."""
    alerts_per_10000: Annotated[float, Strict(), Field(gt=0.0, le=10_000.0, allow_inf_nan=False)]
    """Alerts wanted among 10,000 transactions."""
    floor: Probability
    """Lowest threshold for review, however few the high scores."""
    ceiling: Probability
    """Highest threshold for review, however many the high scores."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_order("floor", self.floor, "ceiling", self.ceiling)
        _check_order("ceiling", self.ceiling, "decline", self.decline)
        return self


class ModelPin(Message):
    """Score by one version of the model until told otherwise."""

    control: Literal["model"] = MODEL
    """Name of the control and key of its record."""
    kind: Literal["model-pin"] = "model-pin"
    """Tells the controls apart."""
    name: Code
    """Name of the model."""
    model_version: Whole
    """Version to score by; 0 for the prior model."""
    issued_at: Time
    """When the operator set it."""
    remark: Text | None = None
    """Why."""


Control = Annotated[FixedThreshold | AlertBudget | ModelPin, Field(discriminator="kind")]
"""Any control, told apart by `kind`."""

CONTROL: TypeAdapter[FixedThreshold | AlertBudget | ModelPin] = TypeAdapter(
    Control, config=ConfigDict(hide_input_in_errors=True)
)
"""Compiled validator of any control."""


def decode_control(data: bytes) -> FixedThreshold | AlertBudget | ModelPin:
    """Decode a value of topic `controls`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(CONTROL.validate_python, data, tagged=True)


def _check_order(low_field: str, low: float, high_field: str, high: float) -> None:
    if low > high:
        context = {"field": low_field, "other": high_field}
        raise PydanticCustomError(ErrorType.INVALID_VALUE, "must not be above {other}", context)
