"""`http`: the page, the API, WHEP and metrics."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from streamtrack.config.section import Section

MIN_TOKEN_CHARS = 6
"""Fewer are guessed in a day, even where guesses are slowed."""


class HttpConfig(Section):
    """The page, the API, WHEP and metrics."""

    host: str = "127.0.0.1"
    """127.0.0.1 stays on this machine; another address needs `token` (or `allow_open`)."""
    port: int = Field(8080, ge=0, le=65_535)
    """Page, API, WHEP and metrics. 0 takes a free one and prints it."""
    token: SecretStr | None = None
    """Bearer token that every endpoint then asks for. `${NAME}` takes it from the environment. null: none."""
    cors_origins: tuple[str, ...] = ()
    """Other origins (https://host:port) whose pages may call the API."""
    allow_open: bool = False
    """Lets the server bind to the network without `token`: whoever reaches the port watches and commands."""

    @field_validator("token")
    @classmethod
    def _token_guards_something(cls, value: SecretStr | None) -> SecretStr | None:
        fault = None if value is None else token_fault(value.get_secret_value())
        if fault is not None:
            raise ValueError(fault)
        return value


def token_fault(token: str) -> str | None:
    """What makes a token useless, in one line that does not show it; None where it is sound."""
    if not token.strip():
        return "token is empty, expected a long random text, or null for none"
    if not (token.isascii() and token.isprintable() and " " not in token):
        return "token holds a blank or a character that no header can, expected ASCII"
    if len(token) < MIN_TOKEN_CHARS:
        return (
            f"token has {len(token)} characters, expected at least {MIN_TOKEN_CHARS}, better 20 random ones"
        )
    return None
