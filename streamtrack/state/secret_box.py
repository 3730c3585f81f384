"""Passwords that lie on the disk sealed: the key lies elsewhere, so that a copy of the state folder, a
backup or a volume tells none of them.

The sealing is Fernet's (AES-128 in CBC mode with HMAC-SHA256), of the `cryptography` package.
"""

from __future__ import annotations

import base64
import logging
import os
import secrets
from pathlib import Path

import platformdirs
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from streamtrack.state.folder import StateError, reason_of

VARIABLE = "STREAMTRACK_STATE_KEY"
MIN_CHARACTERS = 16
MAX_BYTES = 4096
SALT = b"streamtrack state"
"""A key is random, or long: what is stretched here has no twin elsewhere that a table could be made for."""

logger = logging.getLogger(__name__)


class SecretBox:
    """Seals texts with the key of the environment's `STREAMTRACK_STATE_KEY`, or of a file.

    The key is read when it is first needed; a file that is not there is made then, for its owner alone.

    Args:
        key_file: None: `state.key` in the user's folder of settings.
    """

    def __init__(self, key_file: Path | None = None) -> None:
        self.key_file = key_file or platformdirs.user_config_path("streamtrack") / "state.key"
        self._fernet: Fernet | None = None

    def seal(self, text: str) -> str:
        """A text as only this key opens it.

        Raises:
            StateError: there is no key and none can be made.
        """
        return self._opener(may_make=True).encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed.

        Raises:
            StateError: it was sealed with another key, or is damaged, or there is no key.
        """
        try:
            return self._opener(may_make=False).decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise StateError(
                f"it was sealed with another key than {self._where()} has, or is damaged"
            ) from None

    def lies_in(self, folder: Path) -> bool:
        """Whether who copies a folder has the key as well."""
        return not os.environ.get(VARIABLE) and self.key_file.resolve().is_relative_to(folder.resolve())

    def _where(self) -> str:
        return VARIABLE if os.environ.get(VARIABLE) else str(self.key_file)

    def _opener(self, *, may_make: bool) -> Fernet:
        if self._fernet is None:
            text = os.environ.get(VARIABLE) or self._of_file(may_make)
            if len(text) < MIN_CHARACTERS:
                raise StateError(
                    f"{self._where()}: the key has {len(text)} characters, expected {MIN_CHARACTERS} at least"
                )
            stretched = Scrypt(salt=SALT, length=32, n=2**14, r=8, p=1).derive(text.encode())
            self._fernet = Fernet(base64.urlsafe_b64encode(stretched))
        return self._fernet

    def _of_file(self, may_make: bool) -> str:
        try:
            if may_make and not self.key_file.exists():
                _make(self.key_file)
            with self.key_file.open("rb") as file:
                return file.read(MAX_BYTES).decode().strip()
        except (OSError, UnicodeError) as error:
            why = reason_of(error) if isinstance(error, OSError) else "it is no text"
            raise StateError(
                f"{self.key_file}: the key cannot be read: {why}; expected it there, in the file that "
                f"state.key_file names, or in {VARIABLE}"
            ) from None


def _make(path: Path) -> None:
    """A key of 256 random bits. Where two begin at once, one of them makes it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)  # unlike a renaming, it takes no other's place
        except FileExistsError:
            return
        logger.info("%s: the key that seals kept passwords was made", path)
    finally:
        made.unlink(missing_ok=True)
