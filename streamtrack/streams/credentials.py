"""A stream's settings as plain values: with their secrets sealed for the disk, without them for everyone
else, and back again where somebody returns what he was shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr

from streamtrack.config.section import Section
from streamtrack.errors import PromptError
from streamtrack.ingest.host_policy import host_and_port
from streamtrack.ingest.redact import HIDDEN, redact_url

SEALED = "sealed"
"""The only key of what stands in the place of a sealed text."""


def sealed_values(section: Section, seal: Callable[[str], str]) -> dict[str, Any]:
    """The keys that were set, each text that holds a secret sealed: what the disk keeps."""
    sealed: dict[str, Any] = _sealed(plain_values(section), shown_values(section), seal)
    return sealed


def opened_values(values: Any, opened: Callable[[str], str]) -> Any:
    """What was sealed, opened again."""
    if isinstance(values, dict):
        if values.keys() == {SEALED} and isinstance(values[SEALED], str):
            return opened(values[SEALED])
        return {key: opened_values(item, opened) for key, item in values.items()}
    if isinstance(values, list):
        return [opened_values(item, opened) for item in values]
    return values


def plain_values(section: Section) -> dict[str, Any]:
    """The keys that were set, secrets as they are."""
    return {key: _plain(getattr(section, key), reveal=True) for key in _set_keys(section)}


def shown_values(section: Section) -> dict[str, Any]:
    """The keys that were set, `***` in the place of secrets."""
    return {key: _shown(key, getattr(section, key)) for key in _set_keys(section)}


def merged(old: Section, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `old` with `patch` laid over them (RFC 7396: null takes a key away); what comes back as
    it was shown keeps its secret.

    Raises:
        PromptError: `***` stands where no secret is known, or for another host than the secret was for.
    """
    return dict(_lay_over(plain_values(old), _with_secrets(patch, old, "")))


def restored_url(url: str, known: str, key: str) -> str:
    """An address whose `***` are what `known` has there.

    Raises:
        PromptError: it leads elsewhere than the secret was for, or hides what nobody knows.
    """
    if HIDDEN not in url:
        return url
    if url == redact_url(known):
        return known
    new, old = urlsplit(url), urlsplit(known)
    if host_and_port(url) == host_and_port(known) and new.scheme.lower() == old.scheme.lower():
        userinfo, at, place = new.netloc.rpartition("@")
        if at and userinfo == HIDDEN:
            own = old.netloc.rpartition("@")[0]
            url = urlunsplit(new._replace(netloc=f"{own}@{place}" if own else place))
    if HIDDEN in url:
        raise PromptError(f"{key} holds {HIDDEN} for what is not known here, expected user and password")
    return url


def _sealed(plain: Any, shown: Any, seal: Callable[[str], str]) -> Any:
    if isinstance(plain, dict):
        return {key: _sealed(item, shown[key], seal) for key, item in plain.items()}
    if isinstance(plain, list):
        return [_sealed(one, other, seal) for one, other in zip(plain, shown, strict=True)]
    return plain if plain == shown else {SEALED: seal(plain)}


def _set_keys(section: BaseModel) -> list[str]:
    return [key for key in type(section).model_fields if key in section.model_fields_set or key == "kind"]


def _plain(value: Any, *, reveal: bool) -> Any:
    if isinstance(value, BaseModel):
        return {key: _plain(getattr(value, key), reveal=reveal) for key in _set_keys(value)}
    if isinstance(value, SecretStr):
        return value.get_secret_value() if reveal else HIDDEN
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item, reveal=reveal) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, reveal=reveal) for item in value]
    return value


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _shown(name, getattr(value, name)) for name in _set_keys(value)}
    if isinstance(value, list | tuple):
        return [_shown(key, item) for item in value]
    if isinstance(value, str) and "://" in value:
        return redact_url(value)
    if isinstance(value, str) and key.endswith("url"):
        return redact_url(value)
    return _plain(value, reveal=False)


def _with_secrets(patch: Any, old: Any, key: str) -> Any:
    """The patch with secrets where it holds what was shown of them."""
    if isinstance(patch, Mapping):
        inner = {name: getattr(old, name, None) for name in patch} if isinstance(old, BaseModel) else {}
        dot = f"{key}." if key else ""
        return {name: _with_secrets(item, inner.get(name), f"{dot}{name}") for name, item in patch.items()}
    if isinstance(patch, list):
        known = list(old) if isinstance(old, list | tuple) else []
        known += [None] * (len(patch) - len(known))
        return [
            _with_secrets(item, one, f"{key}.{place}")
            for place, (item, one) in enumerate(zip(patch, known, strict=False))
        ]
    if not isinstance(patch, str) or HIDDEN not in patch:
        return patch
    if isinstance(old, SecretStr) and patch == HIDDEN:
        return old.get_secret_value()
    if "://" in patch or key.endswith("url"):
        return restored_url(patch, old if isinstance(old, str) else "", key)
    return patch


def _lay_over(base: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    # Another kind of section has other keys: nothing of the former one stays.
    is_other = isinstance(base, Mapping) and "kind" in patch and base.get("kind") != patch["kind"]
    result = dict(base) if isinstance(base, Mapping) and not is_other else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _lay_over(result.get(key), item)
    return result
