"""The fixtures of tracking's tests serve the engine's as well."""

from tests.tracking.conftest import images, nano

__all__ = ["images", "nano"]
