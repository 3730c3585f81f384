"""Events posted as JSON, signed as the Standard Webhooks specification says, tried until they arrive."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import random
from collections.abc import Mapping
from pathlib import Path

import httpx

from streamtrack.alerts.alert_queue import Waiting
from streamtrack.alerts.receiver import Receiver
from streamtrack.clock import NS_PER_S, Clock
from streamtrack.config import WebhookConfig
from streamtrack.digits import whole_number
from streamtrack.errors import ConfigError
from streamtrack.telemetry import Telemetry

NEVER_TAKEN = frozenset({400, 405, 410, 413, 415, 422})
"""Statuses of a receiver that will not take this event however often it is tried."""
LOOK_S = 30.0
"""How often it is looked whether something became too old, while nothing comes."""
SECRET_PREFIX = "whsec_"

# They log whole addresses, in which tokens stand.
for talkative in ("httpx", "httpcore"):
    logging.getLogger(talkative).setLevel(logging.WARNING)


class Webhook(Receiver):
    """Posts one event after the other."""

    kind = "webhook"

    def __init__(self, config: WebhookConfig, spool: Path | None, telemetry: Telemetry, clock: Clock) -> None:
        """
        Raises:
            ConfigError: the secret is no base64, or the spool cannot be used.
        """
        self._config = config
        self._key = None if config.secret is None else secret_key(config.secret.get_secret_value())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        super().__init__(config.name, config, spool, telemetry, clock)

    def _run(self) -> None:
        asyncio.run(self._deliver())

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._news.set)

    async def _deliver(self) -> None:
        self._loop = asyncio.get_running_loop()
        # No proxies and no .netrc of the environment: what is sent where stands in the config.
        once = httpx.Timeout(None)  # each post has a limit of its own
        async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=once) as client:
            failures = 0
            while not self._stopping.is_set():
                self._forget_old()
                waiting = self._queue.oldest()
                if waiting is None:
                    await self._pause(LOOK_S)
                    continue
                wait_s = await self._try(client, waiting, failures)
                failures = 0 if wait_s is None else failures + 1
                if wait_s is not None:
                    await self._rest(wait_s)

    async def _try(self, client: httpx.AsyncClient, waiting: Waiting, failures: int) -> float | None:
        """Post once; None where the event is done with, else how long to wait."""
        status, trouble, asked_s = await self._post(client, waiting)
        if status is not None and 200 <= status < 300:
            self._queue.done(waiting.seq)
            self._count("sent")
            self._works()
            return None
        if status in NEVER_TAKEN:
            self._queue.done(waiting.seq)
            self._drop("refused", 1, trouble)
            return None
        self._count("retried")
        self._failed(trouble)
        delay_ms = min(self._config.first_delay_ms * (1 << min(failures, 20)), self._config.max_delay_ms)
        spread = 1 + self._config.jitter * random.uniform(-1, 1)
        return max(delay_ms * spread, min(asked_s * 1000, self._config.max_delay_ms)) / 1000

    async def _post(self, client: httpx.AsyncClient, waiting: Waiting) -> tuple[int | None, str, float]:
        """The answer's status, what is wrong with it, and how many seconds it asks to be left alone."""
        headers = self._headers(waiting)
        request = client.build_request(
            "POST", self._config.url.get_secret_value(), content=waiting.body, headers=headers
        )
        try:
            async with asyncio.timeout(self._config.timeout_ms / 1000):
                # The head says all; a body that never ends is not read.
                response = await client.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            return None, f"no answer in {self._config.timeout_ms} ms", 0.0
        except httpx.HTTPError as error:
            return None, f"cannot be reached: {type(error).__name__}", 0.0
        asked = response.headers.get("retry-after", "")
        moved = " (redirects are not followed)" if response.is_redirect else ""
        trouble = f"answered {response.status_code}{moved}, expected 2xx"
        return response.status_code, trouble, float(whole_number(asked) or 0)

    def _headers(self, waiting: Waiting) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": "streamtrack",
            "idempotency-key": waiting.alert_id,
        }
        if self._config.token is not None:
            headers["authorization"] = f"Bearer {self._config.token.get_secret_value()}"
        at_s = self._clock.wall_ns() // NS_PER_S
        return {**headers, **signed_headers(self._key, waiting.alert_id, at_s, waiting.body)}

    async def _pause(self, seconds: float) -> None:
        """Wait for news, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _rest(self, seconds: float) -> None:
        """Wait for so long whatever comes, but for the end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping.is_set() and (left_s := until - loop.time()) > 0:
            await self._pause(left_s)


def signed_headers(key: bytes | None, alert_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """What the Standard Webhooks specification wants beside the body; without a key no signature."""
    headers = {"webhook-id": alert_id, "webhook-timestamp": str(at_s)}
    if key is not None:
        signed = hmac.digest(key, f"{alert_id}.{at_s}.".encode() + body, hashlib.sha256)
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


def secret_key(secret: str) -> bytes:
    """The bytes of a secret: those that base64 behind `whsec_` stands for, or else its own.

    Raises:
        ConfigError: it is no base64; the message does not show it.
    """
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"alerts.webhooks: secret is no base64 behind {SECRET_PREFIX}") from None
