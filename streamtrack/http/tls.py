"""The server's certificate: read from files, looked at before anyone else does, and read again when it
changes. Connections keep the one with which they began."""

from __future__ import annotations

import logging
import ssl
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from streamtrack.config import HttpConfig
from streamtrack.errors import ConfigError

ENDS_SOON = timedelta(days=7)
"""How long before its end a certificate is warned of; certbot renews thirty days before."""
MAX_FILE_BYTES = 1 << 20

Stamp = tuple[tuple[int, int, int], ...]
"""By which a changed file is known."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate and key lie."""

    certificate: Path
    key: Path
    password: bytes | None = None

    @classmethod
    def of(cls, config: HttpConfig) -> TlsFiles | None:
        """Those that a config names; None where it names none."""
        if config.tls_certificate is None or config.tls_key is None:
            return None
        secret = config.tls_key_password
        password = None if secret is None else secret.get_secret_value().encode()
        return cls(config.tls_certificate, config.tls_key, password)

    def stamp(self) -> Stamp | None:
        """When they were written; None while one is not there, as in the middle of a renewal."""
        try:
            found = [path.stat() for path in (self.certificate, self.key)]
        except OSError:
            return None
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


class Certificate:
    """What connections are encrypted with from now on."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises:
        ConfigError: a file is missing or cannot be read, they do not belong together, or the certificate has
            ended.
        """
        self._files = files
        self._stamp = files.stamp()
        self._told = ""
        self.context, self.ends = read_context(files, datetime.now(UTC))
        """For new connections; and until when it is good."""
        _tell_readable(files.key)
        self._tell_end()

    def refresh(self) -> bool:
        """Read the files again where they have changed; whether they had. What cannot be used is told, and
        the former certificate stays."""
        stamp = self._files.stamp()
        if stamp is None or stamp == self._stamp:
            return False
        return self.reload(stamp)

    def reload(self, stamp: Stamp | None = None) -> bool:
        """Read the files again; whether they could be used."""
        stamp = stamp or self._files.stamp()
        try:
            self.context, self.ends = read_context(self._files, datetime.now(UTC))
        except ConfigError as error:
            if str(error) != self._told:  # it is tried again, and told once
                _log.error("certificate not read again, the old one stays: %s", error)
            self._told = str(error)
            return False
        self._stamp, self._told = stamp, ""
        _log.warning("certificate read again: %s, good until %s", self._files.certificate, self.ends.date())
        self._tell_end()
        return True

    def _tell_end(self) -> None:
        if self.ends - datetime.now(UTC) < ENDS_SOON:
            _log.warning("the certificate %s ends on %s", self._files.certificate, self.ends.date())


def read_context(files: TlsFiles, now: datetime) -> tuple[ssl.SSLContext, datetime]:
    """What accepts connections with these files, and until when their certificate is good.

    Raises:
        ConfigError: as of Certificate, in one line without anything of the key.
    """
    pem = _read(files.certificate, "http.tls_certificate")
    certificate = _certificate_in(pem, files.certificate)
    _check_key(certificate, files)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now <= ends:
        when = f"ended on {ends.date()}" if now > ends else f"begins on {begins.date()}"
        raise ConfigError(
            f"http.tls_certificate {files.certificate}: it {when}, expected one that is good now"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password is always handed over: OpenSSL would else ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, files.password or b"-")
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise ConfigError(
            f"http.tls_certificate {files.certificate}: OpenSSL refuses it or its key "
            f"({str(reason).lower().replace('_', ' ')})"
        ) from None
    return context, ends


def _read(path: Path, key: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{key} {path}: {error.strerror or type(error).__name__}") from None


def _certificate_in(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise ConfigError(
            f"http.tls_certificate {path}: holds no certificate, expected PEM such as fullchain.pem"
        ) from None


def _check_key(certificate: x509.Certificate, files: TlsFiles) -> None:
    where = f"http.tls_key {files.key}"
    pem = _read(files.key, "http.tls_key")
    try:
        key = load_pem_private_key(pem, files.password)
    except TypeError:  # what is asked for is not given, or the other way round
        told = "it is encrypted" if files.password is None else "it is not encrypted"
        raise ConfigError(
            f"{where}: {told}, expected http.tls_key_password where it is, and only there"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        told = "" if files.password is None else ", or another http.tls_key_password"
        raise ConfigError(f"{where}: cannot be read, expected a private key in PEM{told}") from None
    public = [
        one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for one in (certificate.public_key(), key.public_key())
    ]
    if public[0] != public[1]:
        raise ConfigError(f"{where}: belongs to another certificate than http.tls_certificate")


def _tell_readable(key: Path) -> None:
    if key.stat().st_mode & stat.S_IROTH:
        _log.warning("http.tls_key %s can be read by everyone on this machine, expected chmod 640", key)
