"""Certificates for servers in tests: an authority that clients are told to trust, and files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True)
class Files:
    """A certificate and its key on the disk."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates, and is trusted by `client`."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def write(
        self,
        folder: Path,
        *names: str,
        good_for: timedelta = timedelta(days=90),
        password: bytes | None = None,
    ) -> Files:
        """A certificate for these names, into files whose key only their owner reads."""
        ends = datetime.now(UTC) + good_for
        begins = min(datetime.now(UTC), ends) - timedelta(days=1)
        issued = self._ca.issue_cert(
            *(names or ("127.0.0.1", "localhost")), not_after=ends, not_before=begins
        )
        files = Files(folder / "fullchain.pem", folder / "privkey.pem")
        files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        pem = issued.private_key_pem.bytes()
        if password is not None:
            key = load_pem_private_key(pem, None)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        files.key.write_bytes(pem)
        files.key.chmod(0o600)
        return files

    def client(self) -> ssl.SSLContext:
        """What a client trusts."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        return context

    def write_root(self, path: Path) -> Path:
        """The authority's own certificate, for programs that want a file."""
        path.write_bytes(self._ca.cert_pem.bytes())
        return path
