"""Errors by the name that machines know them by."""

from __future__ import annotations

from collections.abc import Iterator

from streamtrack.errors import StreamTrackError


def error_classes(root: type[StreamTrackError] = StreamTrackError) -> Iterator[type[StreamTrackError]]:
    """The tree, each class before those derived from it; those without a kind of their own left out."""
    yield root
    for derived in root.__subclasses__():
        if "kind" in vars(derived):
            yield from error_classes(derived)


def error_of_kind(kind: str) -> type[StreamTrackError]:
    """The class that a machine's `kind` names; the root for one that a newer peer invented."""
    return next((found for found in error_classes() if found.kind == kind), StreamTrackError)
