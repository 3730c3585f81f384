"""What every section of the configuration shares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamtrack.config.faults import describe_validation_error
from streamtrack.errors import ConfigError

Pixels = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Values that cannot change after reading; unknown keys are refused.

    A field's docstring is its only description: docs/config.md is written from it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # pydantic's own words stand in tracebacks, and quote what might be a password.
        hide_input_in_errors=True,
    )


class MadeInPython(type(BaseModel)):  # type: ignore[misc]
    """Of a section that programs make themselves: what does not fit gets our error. A file's values do not
    come this way; they are told with their line."""

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """Make a section.

        Raises:
            ConfigError: a value does not fit.
        """
        try:
            return super().__call__(*args, **values)
        except ValidationError as error:
            raise ConfigError(f"{cls.__name__}: {describe_validation_error(error)}") from error
