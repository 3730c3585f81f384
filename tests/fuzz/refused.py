"""What may become of an input: it is taken, or refused in one line by the error that is promised."""

from __future__ import annotations

from collections.abc import Callable

MAX_TOLD_CHARS = 2_000
"""Of a refusal; it may quote a path and a little of what came in."""


def taken(call: Callable[[], object], *errors: type[Exception], what: object = "") -> bool:
    """Whether the call took its input; AssertionError where it broke, or its refusal is no short line."""
    try:
        call()
    except errors as error:
        told = str(error)
        assert told, f"{what!r}: refused without a word"
        assert "\n" not in told, f"{what!r}: {told!r}"
        assert len(told) <= MAX_TOLD_CHARS, f"{what!r}: a refusal of {len(told)} characters"
        return False
    except Exception as error:
        shown = repr(what)
        raise AssertionError(f"{type(error).__name__}: {error}: of {shown[:2000]}") from error
    return True
