"""`zmq`: masks and control for machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

CLIENTS_FILE = "curve.json"
"""Its name in a state folder."""
_CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class CurveConfig(Section):
    """CURVE on the ZeroMQ sockets: keys in Z85, 40 characters each."""

    server_secret_key: SecretStr
    """The server's own; keep it out of the file with `${NAME}`, which the environment fills in."""
    server_public_key: str = Field(min_length=40, max_length=40)
    """What clients name to know the server."""
    viewers: dict[str, str] = Field(default={}, max_length=1024)
    """Name and public key of each client that may read masks and events. Whoever is on no list is refused."""
    controllers: dict[str, str] = Field(default={}, max_length=1024)
    """Those that may also send commands that change what is followed."""
    admins: dict[str, str] = Field(default={}, max_length=1024)
    """Those that may send every command."""
    allowed_client_keys: tuple[str, ...] = ()
    """Public keys that may do everything, without names, as before there were roles."""
    clients_file: Path | None = None
    """The file of clients that `streamtrack keys curve make` lists more in. It is read again when it changes:
    who is taken off is cut off within two seconds. null: curve.json in `cameras.state_dir`."""

    @field_validator("viewers", "controllers", "admins", mode="before")
    @classmethod
    def _unnamed_are_numbered(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list | tuple):
            return value
        return {f"{(info.field_name or '')[:-1]}-{place}": key for place, key in enumerate(value, 1)}

    @field_validator("viewers", "controllers", "admins")
    @classmethod
    def _names_are_some(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _CLIENT_NAME.fullmatch(name):
                expected = "1 to 64 letters, digits, '_', '.', '-', '@'"
                raise ValueError(f"a client's name is {describe_value(name)}, expected {expected}")
        return value

    @field_validator("server_secret_key")
    @classmethod
    def _secret_is_z85(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) != 40:
            raise ValueError("server_secret_key is not 40 characters of Z85")
        return value


class ZmqConfig(Section):
    """Masks and control for machines."""

    masks_address: str = "tcp://127.0.0.1:5555"
    """PUB socket of masks and events. 127.0.0.1 stays on this machine; another address needs `curve` (or
    `allow_open`)."""
    control_address: str | None = "tcp://127.0.0.1:5556"
    """ROUTER socket of commands. null turns it off: then only HTTP commands."""
    encoding: Literal["coco_rle", "bits_zstd"] = "coco_rle"
    """coco_rle: read by pycocotools as it is. bits_zstd: packed bits of the crop, less work to encode and
    decode."""
    high_water_mark: int = Field(4, ge=1, le=1000)
    """Messages kept for a subscriber that does not read; newer ones are dropped until it does. More survive a
    hiccup, and are older when they are read."""
    socket_buffer_bytes: int = Field(4_096, ge=4096)
    """SNDBUF for each subscriber: small on purpose, stale masks would wait in it. Raise it for masks of
    100 kB and more."""
    curve: CurveConfig | None = None
    """Keys that every socket then asks for: viewers come to the masks, controllers and admins to the commands
    as well. null: none."""
    allow_open: bool = False
    """Lets the sockets bind to the network without `curve`: whoever reaches them reads masks and commands."""
