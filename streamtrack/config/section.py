"""What every section of the configuration shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Pixels = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Values that cannot change after reading; unknown keys are refused.

    A field's docstring is its only description: docs/config.md is written from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
