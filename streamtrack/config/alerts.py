"""`alerts`: who is told of what happens, beside those who subscribe: webhooks and an MQTT broker."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.rules import RULE_NAME
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value
from streamtrack.frame import EventKind

MQTT_NAME, BROWSER_NAME = "mqtt", "browser"
"""Names of the receivers that the config does not name."""
RULE_KINDS = (EventKind.ENTERED, EventKind.LEFT, EventKind.LOITERING, EventKind.CROSSED)
MIN_SECRET_CHARS = 16
_TOPIC = re.compile(r"[^+#\x00/]+(?:/[^+#\x00/]+)*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


class ReceiverConfig(Section):
    """What is sent to one receiver, and how much waits for it."""

    streams: tuple[str, ...] = ()
    """Only of these streams. Empty: of every one."""
    kinds: tuple[str, ...] = Field(tuple(map(str, RULE_KINDS)), min_length=1)
    """Only events of these kinds: those of zones and lines, or any other that docs/wire-format.md lists, such
    as `lost` or `source_lost`."""
    rules: tuple[str, ...] = ()
    """Only of these zones and lines. Empty: of every one, and events that are no rule's."""
    classes: tuple[str, ...] = ()
    """Only of objects of these of COCO's 80 classes. Empty: of any."""
    labels: tuple[str, ...] = ()
    """Only of objects with these labels. Empty: of any."""
    thumbnails: bool = True
    """Send the object's picture along."""
    queue_max: int = Field(1_000, ge=1, le=100_000)
    """Events that wait while the receiver does not answer; of more, the oldest are dropped, counted and
    told."""
    max_age_s: float = Field(86_400, gt=0)
    """Events that waited for longer are dropped, counted and told: nobody wants last week's alarm."""

    @field_validator("kinds")
    @classmethod
    def _kinds_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in frozenset(EventKind):
                raise ValueError(
                    f"{describe_value(kind)} is no kind of event, expected some of: {', '.join(EventKind)}"
                )
        return value

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value


class WebhookConfig(ReceiverConfig):
    """An address to which each event is posted as JSON, signed."""

    name: str
    """Names it in logs, metrics and snoozes; each webhook its own."""
    url: SecretStr
    """http:// or https://; never shown, since many carry a token. Redirects are not followed."""
    secret: SecretStr | None = None
    """Signs each request with HMAC-SHA256, as docs/alerts.md says: 16 characters or more, or `whsec_` and
    base64. null: not signed."""
    token: SecretStr | None = None
    """Sent as `Authorization: Bearer`. null: none."""
    timeout_ms: int = Field(5_000, ge=100, le=60_000)
    """How long one try may take in all."""
    first_delay_ms: int = Field(1_000, ge=10)
    """The wait after the first failure; doubles at each."""
    max_delay_ms: int = Field(60_000, ge=10)
    """The longest wait between two tries, which go on until the event is too old."""
    jitter: float = Field(0.3, ge=0, le=1)
    """Share by which each wait is longer or shorter at random."""

    @field_validator("name")
    @classmethod
    def _name_is_one(cls, value: str) -> str:
        if not RULE_NAME.fullmatch(value) or value in (MQTT_NAME, BROWSER_NAME):
            got = describe_value(value)
            raise ValueError(
                f"webhook name is {got}, expected letters, digits, blanks, '_', '.', '-', "
                f"and neither {MQTT_NAME} nor {BROWSER_NAME}"
            )
        return value

    @field_validator("url")
    @classmethod
    def _url_is_a_web_address(cls, value: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(value.get_secret_value())
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("expected http://HOST/... or https://HOST/...") from None
        if parts.scheme not in ("http", "https") or not host or not value.get_secret_value().isprintable():
            raise ValueError("expected http://HOST/... or https://HOST/...")
        if parts.username is not None:
            raise ValueError("expected no user and password in the address: set `token`")
        return value

    @field_validator("secret")
    @classmethod
    def _secret_guards_something(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET_CHARS:
            raise ValueError(f"expected at least {MIN_SECRET_CHARS} characters")
        return value


class MqttConfig(ReceiverConfig):
    """An MQTT broker, which Home Assistant finds zones and lines at by itself. Needs
    `pip install 'streamtrack[mqtt]'`."""

    host: str
    """The broker's name or address."""
    port: int | None = Field(None, ge=1, le=65_535)
    """null: 1883, with TLS 8883."""
    tls: bool = False
    """Encrypt, and check the broker's certificate."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, as PEM; a relative path begins at the config's
    folder."""
    user: str | None = None
    """null: none."""
    password: SecretStr | None = None
    """Write it as `${MQTT_PASSWORD}`; never shown."""
    client_id: str = Field("streamtrack", min_length=1, max_length=64)
    """Two servers at one broker need two."""
    topic: str = "streamtrack"
    """What every topic begins with; two servers at one broker need two."""
    discovery: str | None = "homeassistant"
    """Home Assistant's discovery prefix. null: tells it nothing."""
    keepalive_s: int = Field(30, ge=5, le=3_600)
    """How soon either side notices that the other is gone."""

    @field_validator("host")
    @classmethod
    def _host_is_one(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("expected a host's name or address, without mqtt://, user or port")
        return value

    @field_validator("topic", "discovery")
    @classmethod
    def _topic_is_one(cls, value: str | None) -> str | None:
        if value is not None and (not _TOPIC.fullmatch(value) or len(value) > 128):
            raise ValueError("expected words with / between them, without + and #")
        return value

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password is not None and self.user is None:
            raise ValueError("mqtt.password is set and mqtt.user is not, expected both or none")
        if self.ca_file is not None and not self.tls:
            raise ValueError("mqtt.ca_file is set and mqtt.tls is not, expected tls: true")
        return self


class AlertsConfig(Section):
    """Who is told of what happens, beside those who subscribe."""

    webhooks: tuple[WebhookConfig, ...] = ()
    """Addresses to which events are posted."""
    mqtt: MqttConfig | None = None
    """An MQTT broker. null: none."""
    spool: Path | None = None
    """A folder in which events wait while a receiver is away, so that they outlive this process; a relative
    path begins at the config's folder. null: they wait in memory."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for name, times in Counter(one.name for one in self.webhooks).items():
            if times > 1:
                raise ValueError(f"webhook name {name!r} is used {times} times, expected once")
        return self

    def receivers(self) -> tuple[tuple[str, ReceiverConfig], ...]:
        """Where each stands, and its section."""
        webhooks = [(f"alerts.webhooks.{index}", one) for index, one in enumerate(self.webhooks)]
        return (*webhooks, *([("alerts.mqtt", self.mqtt)] if self.mqtt is not None else []))
