"""`http`: the page, the API, WHEP and metrics."""

from __future__ import annotations

from pydantic import Field, SecretStr

from streamtrack.config.section import Section


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
