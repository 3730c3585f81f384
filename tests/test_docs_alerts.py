"""What docs/alerts.md says can be pasted: configs parse, and signatures are checked as it says."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamtrack.alerts.webhook import secret_key, signed_headers
from streamtrack.config import parse_config
from streamtrack.http.alerts_routes import SnoozeBody

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "alerts.md").read_text(encoding="utf-8")
BODY = b'{"id": "1-1"}'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_config_parses() -> None:
    (text,) = blocks("yaml")
    alerts = parse_config(yaml.safe_load(text.replace("${PAGER_SECRET}", "x" * 16)), "alerts.md").alerts
    assert (alerts.webhooks[0].name, alerts.mqtt is not None) == ("pager", True)


def test_body_of_the_snooze_is_one() -> None:
    parts = [part for text in blocks("sh") for part in shlex.split(text) if part.startswith("{")]
    assert [SnoozeBody.model_validate(json.loads(part)).rule for part in parts] == ["yard"]


@pytest.mark.parametrize("secret", ["sixteen characters", "whsec_c2l4dGVlbiBjaGFyYWN0ZXJz"])
def test_snippet_takes_what_is_signed_and_nothing_else(secret: str) -> None:
    names: dict[str, Any] = {}
    (text,) = blocks("python")
    exec(compile(text, "alerts.md", "exec"), names)  # the page's own lines
    is_genuine = names["is_genuine"]
    now_s = int(time.time())
    headers = dict(signed_headers(secret_key(secret), "1-1", now_s, BODY))
    assert is_genuine(secret, headers, BODY)
    assert not is_genuine("another one than that", headers, BODY)
    assert not is_genuine(secret, headers, BODY + b" ")
    assert not is_genuine(secret, {**headers, "webhook-timestamp": str(now_s + 1)}, BODY)
    assert not is_genuine(secret, dict(signed_headers(secret_key(secret), "1-1", now_s - 900, BODY)), BODY)


def test_example_of_a_body_is_json() -> None:
    (text,) = blocks("json")
    assert json.loads(text).keys() == {"id", "stream", "kind", "wall_ms", "frame_idx", "object_id", "detail"}


def test_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert [path for path in paths if not (DOCS / path).exists()] == []
