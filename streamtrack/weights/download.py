"""Large files over bad connections: resumed, checked while they stream, put in place in one step.

The bytes are pinned by size and sha256, so a part from one server may be finished by another. What is under
the final name is always whole: a download lives in `FILE.part` until its digest is right. One process loads a
file at a time; a second one waits and takes the first one's file.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import random
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from streamtrack.errors import CheckpointError
from streamtrack.weights.http_range import Refused, Retry, judge_response, request_headers, strong_etag
from streamtrack.weights.part_file import OnProgress, PartFile, check_file, digest_of, write_all

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class DownloadPolicy:
    """How patient a download is."""

    timeout_s: float = 20.0
    """To connect, and between two pieces of the answer."""
    stall_s: float = 30.0
    """In every such window at least `stall_bytes` must arrive: a server that drips never times out."""
    stall_bytes: int = 64 << 10
    attempts: int = 4
    """Tries in a row at one server that may fail without bringing `progress_bytes`; then the next server."""
    progress_bytes: int = 1 << 20
    connect_attempts: int = 2
    """The same for tries that found no server at all, so that an offline machine is told soon."""
    backoff_s: float = 0.5
    """Before the second try; doubles up to `max_backoff_s`, plus up to a quarter at random."""
    max_backoff_s: float = 20.0
    lock_stall_s: float = 120.0
    """How long another process may hold the file's lock without its part growing."""


DEFAULT_POLICY = DownloadPolicy()


class _Unreachable(Exception):
    """No connection at all, as when a machine is offline."""


def download_file(
    urls: Sequence[str],
    target: Path,
    num_bytes: int,
    sha256: str,
    *,
    on_progress: OnProgress | None = None,
    policy: DownloadPolicy = DEFAULT_POLICY,
) -> Path:
    """Put the file of that size and digest at `target`, from the first server that gives it.

    Raises:
        CheckpointError: no server gave it (each one's reason is told), the disk is full, or the folder cannot
            be written. A sound part stays for the next try; a wrong one is removed.
    """
    report = on_progress or (lambda present, total: None)
    part = PartFile(target, num_bytes)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.lock(report, policy.lock_stall_s):
            if _is_whole(target, num_bytes, sha256):  # another process was faster
                report(num_bytes, num_bytes)
                return target
            part.check_room()
            try:
                _fetch_from_any(urls, part, sha256, report, policy)
            finally:
                if not part.present_bytes():
                    part.discard()
            part.put_in_place()
    except OSError as error:
        raise CheckpointError(part.describe(error)) from error
    return target


def _is_whole(path: Path, num_bytes: int, sha256: str) -> bool:
    try:
        check_file(path, num_bytes, sha256)
    except CheckpointError:
        return False
    return True


def _fetch_from_any(
    urls: Sequence[str], part: PartFile, sha256: str, report: OnProgress, policy: DownloadPolicy
) -> None:
    """Fill the part until its digest is right.

    Raises:
        CheckpointError: no server could.
    """
    reasons: list[str] = []
    unreachable = 0
    for url in urls:
        host = urlsplit(url).netloc.rpartition("@")[2]
        if reasons:
            logger.warning("%s: %s; trying %s", part.target.name, reasons[-1], host)
        try:
            _fetch_from(url, part, sha256, report, policy)
        except Refused as error:
            reasons.append(f"{host} {error}")
        except _Unreachable as error:
            reasons.append(f"{host} {error}")
            unreachable += 1
        else:
            return
    told = "; ".join(reasons)
    if unreachable == len(urls):
        raise CheckpointError(
            f"{part.target.name}: no server can be reached, is this machine offline? ({told})"
            f" Fetch the file elsewhere and put it into {part.target.parent}"
        )
    raise CheckpointError(f"{part.target.name}: no server gave the file: {told}")


def _fetch_from(url: str, part: PartFile, sha256: str, report: OnProgress, policy: DownloadPolicy) -> None:
    """Fill the part from one server, going on where it was cut.

    Raises:
        Refused: the server cannot give this file, or failed too often in a row.
        _Unreachable: there was no connection.
    """
    failures = 0
    farthest = part.present_bytes()  # only ever rises: a server that starts over for ever is given up
    while True:
        try:
            _transfer(url, part, sha256, report, policy)
            return
        except (Retry, _Unreachable) as error:
            if part.present_bytes() - farthest >= policy.progress_bytes:
                farthest, failures = part.present_bytes(), 0
            failures += 1
            if isinstance(error, _Unreachable):
                if failures >= policy.connect_attempts:
                    raise
            elif failures >= policy.attempts:
                raise Refused(f"{error}, {failures} times in a row") from error
            asked_s = error.after_s if isinstance(error, Retry) else None
            backoff_s = policy.backoff_s * 2 ** (failures - 1) * random.uniform(1, 1.25)
            wait_s = min(backoff_s if asked_s is None else asked_s, policy.max_backoff_s)
            logger.info("%s: %s, trying again in %.1f s", part.target.name, error, wait_s)
            time.sleep(wait_s)


def _transfer(url: str, part: PartFile, sha256: str, report: OnProgress, policy: DownloadPolicy) -> None:
    """One request: ask for what is missing, append it, check the digest of the whole.

    Raises:
        Retry: cut, stalled or busy; what arrived stays.
        Refused: the server's file is not this one.
        _Unreachable: no connection.
    """
    one_answer = False
    with part.open() as file:
        digest, offset = digest_of(file, part.num_bytes)
        if offset < part.num_bytes:
            with _open(url, offset, part, policy) as response:
                start = judge_response(response.status, response.headers, offset, part.num_bytes)
                if start < offset:  # it ignored Range, or its version has changed
                    file.truncate(0)
                    digest, offset = hashlib.sha256(), 0
                if offset == 0:
                    one_answer = True
                    part.remember(url, strong_etag(response.headers))
                for chunk in _chunks(response, part.num_bytes - offset, policy):
                    write_all(file, chunk)
                    digest.update(chunk)
                    offset += len(chunk)
                    report(offset, part.num_bytes)
    if digest.hexdigest() == sha256:
        return
    part.discard()
    found = f"gave other bytes: sha256 is {digest.hexdigest()}, expected {sha256}"
    if one_answer:
        raise Refused(found)
    raise Retry(found)  # the wrong byte may lie in what an earlier run or another server left: from the start


def _open(url: str, offset: int, part: PartFile, policy: DownloadPolicy) -> http.client.HTTPResponse:
    """The server's answer, its body unread; an error status arrives as the exception that judges it."""
    headers = {"User-Agent": "streamtrack", **request_headers(offset, part.etag_from(url))}
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(  # nosec B310 # of the catalog or the hub
            urllib.request.Request(url, headers=headers), timeout=policy.timeout_s
        )
    except urllib.error.HTTPError as error:
        with error:
            judge_response(error.code, error.headers, offset, part.num_bytes)
        raise Refused(f"answered {error.code}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise Refused(f"has a certificate that is not trusted: {error.reason.verify_message}") from error
        raise _Unreachable(f"cannot be reached: {_reason(error.reason)}") from error
    except TimeoutError as error:
        raise Retry(f"did not answer within {policy.timeout_s:g} s") from error
    except (http.client.HTTPException, OSError) as error:
        raise Retry(f"broke off before answering: {_reason(error)}") from error
    return response


def _chunks(
    response: http.client.HTTPResponse, missing_bytes: int, policy: DownloadPolicy
) -> Iterator[bytes]:
    """The next `missing_bytes` of the body as they arrive.

    Raises:
        Retry: cut, silent, or slower than the policy bears.
    """
    received = window_bytes = 0
    window_start = time.monotonic()
    while received < missing_bytes:
        try:
            # read1 returns what one receive brought; read(n) would wait for all n from a server that drips
            chunk = response.read1(min(_CHUNK_BYTES, missing_bytes - received))
        except TimeoutError as error:
            raise Retry(f"sent nothing for {policy.timeout_s:g} s") from error
        except (http.client.HTTPException, OSError) as error:
            raise Retry(f"cut the connection: {_reason(error)}") from error
        if not chunk:
            raise Retry(f"cut the connection with {missing_bytes - received} bytes to go")
        yield chunk
        received += len(chunk)
        window_bytes += len(chunk)
        now = time.monotonic()
        if now - window_start > policy.stall_s:
            if window_bytes < policy.stall_bytes:
                raise Retry(f"sent {window_bytes} bytes in {now - window_start:.0f} s")
            window_start, window_bytes = now, 0


def _reason(error: object) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not resolved"
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
