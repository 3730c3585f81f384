"""What `streamtrack serve` is pointed at: a config, or a source by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from streamtrack.config.yaml_file import Document, read_yaml
from streamtrack.errors import ConfigError
from streamtrack.ingest.redact import redact_url

CONFIG_SUFFIXES = (".yaml", ".yml")
EXPECTED = "expected a config (.yaml), a video, a folder, rtsp://, http://, webcam:0 or synthetic:NAME"
SNIFFED_BYTES = 64 * 1024

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two characters at least: C:\\clip.mp4 is a path."""
_STREAMS_KEY = re.compile(rb"^\s*\"?streams\"?\s*:", re.MULTILINE)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def read_target(target: str) -> Document:
    """The values of a config file, or those that stand for a source.

    A `.yaml` or `.yml` is a config, as is any other file that names `streams`; what has a scheme, a folder
    and every other file is a source.

    Raises:
        ConfigError: neither, or a config that cannot be read.
    """
    path = Path(target)
    if path.suffix.lower() in CONFIG_SUFFIXES and "://" not in target:
        return read_yaml(path)
    if target.startswith("/dev/video"):
        return _source(f"webcam:{target}", "webcam")
    if path.exists():
        if _is_config(path):
            return read_yaml(path)
        return _source(target, path.stem)
    scheme = _SCHEME.match(target)
    if scheme is None:
        raise ConfigError(f"{redact_url(target)}: no such file, {EXPECTED}")
    kind = scheme.group(1).lower()
    if "://" not in target and kind not in ("webcam", "synthetic", "file"):
        # It may be `user:password@camera`, so it is not repeated.
        raise ConfigError(f"the source is no file and has no scheme, {EXPECTED}")
    if kind == "synthetic":
        return _source(target, target[len("synthetic:") :].partition("?")[0], autoprompt={"kind": "scene"})
    return _source(target, "webcam" if kind == "webcam" else "camera")


def _is_config(path: Path) -> bool:
    """Whether what is not named .yaml is a config all the same."""
    if path.is_dir():
        return False
    if not path.is_file():  # a pipe, such as bash's <(...): to look into it would empty it
        return True
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError:
        return False  # whoever opens it next says why
    return b"\0" not in head and _STREAMS_KEY.search(head) is not None


def _source(url: str, name: str, **stream: Any) -> Document:
    name = _NOT_IN_A_NAME.sub("-", name).strip("-._")[:64] or "video"
    return Document("command line", {"streams": [{"name": name, "source": {"url": url}, **stream}]})
