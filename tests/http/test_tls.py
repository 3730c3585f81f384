"""Certificate files as they come: sound ones, and every way in which they are not."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from streamtrack.config import HttpConfig
from streamtrack.errors import ConfigError
from streamtrack.http.tls import Certificate, TlsFiles
from tests.support.certificates import Authority, Files

PASSWORD = "planted-key-password"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def fault_of(files: Files, password: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        Certificate(tls_files(files, password))
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def tls_files(files: Files, password: str | None = None) -> TlsFiles:
    secret = None if password is None else SecretStr(password)
    made = TlsFiles.of(
        HttpConfig(tls_certificate=files.certificate, tls_key=files.key, tls_key_password=secret)
    )
    assert made is not None
    return made


def test_sound_files_give_tls_of_1_2_at_least(authority: Authority, tmp_path: Path) -> None:
    context = Certificate(tls_files(authority.write(tmp_path))).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_encrypted_key_opens_with_its_password(authority: Authority, tmp_path: Path) -> None:
    files = authority.write(tmp_path, password=PASSWORD.encode())
    Certificate(tls_files(files, PASSWORD))


def remove_certificate(files: Files) -> None:
    files.certificate.unlink()


def remove_key(files: Files) -> None:
    files.key.unlink()


def certificate_is_a_folder(files: Files) -> None:
    files.certificate.unlink()
    files.certificate.mkdir()


def certificate_is_text(files: Files) -> None:
    files.certificate.write_text("no certificate")


def key_is_text(files: Files) -> None:
    files.key.write_text("no key")


def key_is_the_certificate(files: Files) -> None:
    files.key.write_bytes(files.certificate.read_bytes())


def certificate_is_the_key(files: Files) -> None:
    files.certificate.write_bytes(files.key.read_bytes())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (remove_certificate, "http.tls_certificate {certificate}: No such file or directory"),
        (remove_key, "http.tls_key {key}: No such file or directory"),
        (certificate_is_a_folder, "http.tls_certificate {certificate}: Is a directory"),
        (
            certificate_is_text,
            "http.tls_certificate {certificate}: holds no certificate, expected PEM such as fullchain.pem",
        ),
        (
            certificate_is_the_key,
            "http.tls_certificate {certificate}: holds no certificate, expected PEM such as fullchain.pem",
        ),
        (key_is_text, "http.tls_key {key}: cannot be read, expected a private key in PEM"),
        (key_is_the_certificate, "http.tls_key {key}: cannot be read, expected a private key in PEM"),
    ],
)
def test_files_that_are_none_are_told_in_one_line(
    authority: Authority, tmp_path: Path, spoil: Callable[[Files], None], told: str
) -> None:
    files = authority.write(tmp_path)
    spoil(files)
    assert fault_of(files) == told.format(certificate=files.certificate, key=files.key)


def test_key_that_may_not_be_read_is_told(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = authority.write(tmp_path)
    system = Path.open

    def refuse(path: Path, *args: Any, **keys: Any) -> Any:
        if path == files.key:  # root, which tests may be, reads whatever its mode
            raise PermissionError(13, "Permission denied", str(path))
        return system(path, *args, **keys)

    monkeypatch.setattr(Path, "open", refuse)
    assert fault_of(files) == f"http.tls_key {files.key}: Permission denied"


def test_key_of_another_certificate_is_told(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files, other = authority.write(tmp_path), authority.write(tmp_path / "other")
    mixed = Files(files.certificate, other.key)
    assert (
        fault_of(mixed)
        == f"http.tls_key {other.key}: belongs to another certificate than http.tls_certificate"
    )


@pytest.mark.parametrize(
    ("encrypted", "given", "told"),
    [
        (PASSWORD, None, "it is encrypted, expected http.tls_key_password where it is, and only there"),
        (None, PASSWORD, "it is not encrypted, expected http.tls_key_password where it is, and only there"),
        (
            "another",
            PASSWORD,
            "cannot be read, expected a private key in PEM, or another http.tls_key_password",
        ),
    ],
)
def test_password_that_does_not_fit_is_told_and_nobody_is_asked_for_it(
    authority: Authority, tmp_path: Path, encrypted: str | None, given: str | None, told: str
) -> None:
    files = authority.write(tmp_path, password=None if encrypted is None else encrypted.encode())
    assert fault_of(files, given) == f"http.tls_key {files.key}: {told}"


def test_certificate_that_has_ended_is_told(authority: Authority, tmp_path: Path) -> None:
    files = authority.write(tmp_path, good_for=timedelta(days=-2))
    assert fault_of(files).startswith(f"http.tls_certificate {files.certificate}: it ended on 20")
    assert fault_of(files).endswith(", expected one that is good now")


@pytest.mark.parametrize(
    "keys",
    [
        {"tls_certificate": Path("a")},
        {"tls_key": Path("a")},
        {"tls_key_password": SecretStr(PASSWORD)},
    ],
)
def test_half_of_the_keys_is_told(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="is set without"):
        HttpConfig.model_validate(keys)


def test_no_keys_are_plain_http() -> None:
    assert TlsFiles.of(HttpConfig()) is None


def test_renewed_files_are_read_again_and_spoilt_ones_leave_the_old_certificate(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = authority.write(tmp_path)
    certificate = Certificate(tls_files(files))
    first = certificate.context
    assert not certificate.refresh()  # nothing has changed
    files.certificate.write_text("half a file")
    with caplog.at_level(logging.WARNING):
        assert not certificate.refresh()
        assert not certificate.refresh()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1  # told once, tried again each time
    assert lines[0].startswith("certificate not read again, the old one stays: http.tls_certificate ")
    assert certificate.context is first
    files.key.unlink()  # in the middle of a renewal
    assert not certificate.refresh()
    authority.write(tmp_path)
    assert certificate.refresh()
    assert certificate.context is not first


def test_certificate_that_ends_soon_and_key_for_everyone_are_warned_of(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = authority.write(tmp_path, good_for=timedelta(days=2))
    files.key.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Certificate(tls_files(files))
    assert "can be read by everyone on this machine, expected chmod 640" in caplog.text
    assert f"the certificate {files.certificate} ends on " in caplog.text
