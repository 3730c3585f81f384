"""What commands are made of: numbers with their bounds, and what each of them carries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_bool(value: Any) -> Any:
    # To pydantic and to Python true is the number 1; whoever sends it mixed two keys up.
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


NotBool = BeforeValidator(_no_bool)
ObjectId = Annotated[int, NotBool, Field(ge=0, le=2**31 - 1)]
FrameIdx = Annotated[int, NotBool, Field(ge=0)]
Pixels = Annotated[float, Field(strict=True)]
Point = tuple[Pixels, Pixels]
Coordinate = Annotated[float, NotBool, Field(ge=-1e6, le=1e6)]
"""Pixels; what compares with nothing (NaN) is refused."""


class Command(BaseModel):
    """What every command carries."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    stream: str = Field(max_length=64)
    """The stream it is for."""
