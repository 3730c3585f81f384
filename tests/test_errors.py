from __future__ import annotations

import pickle
import re

import pytest

import streamtrack.access.refusals
import streamtrack.errors as module
import streamtrack.state.folder
from streamtrack.error_kinds import error_classes, error_of_kind
from streamtrack.errors import (
    CapacityError,
    FrameExpiredError,
    PromptError,
    StreamOfflineError,
    StreamTrackError,
    UnknownObjectError,
)


def test_errors_of_access_and_state_are_of_the_tree() -> None:
    found = set(error_classes())
    assert streamtrack.access.refusals.ForbiddenError in found
    assert streamtrack.state.folder.StateError in found


def test_every_kind_names_one_class() -> None:
    kinds = [found.kind for found in error_classes()]
    assert len(set(kinds)) == len(kinds)
    assert all(error_of_kind(found.kind) is found for found in error_classes())


def test_tree_in_the_docstring_is_the_tree() -> None:
    named = re.findall(r"(?:── |^    )(\w+Error)\b", module.__doc__ or "", re.MULTILINE)
    assert set(named) == {found.__name__ for found in error_classes()}


@pytest.mark.parametrize("found", list(error_classes()))
def test_every_error_has_a_status_of_an_error(found: type[StreamTrackError]) -> None:
    assert 400 <= found.http_status < 600


def test_error_of_another_process_keeps_its_text_and_class() -> None:
    received = UnknownObjectError.from_message("cam: object_id is 3")
    assert isinstance(received, PromptError)
    assert str(received) == "cam: object_id is 3"


def test_kind_of_a_newer_peer_is_the_root() -> None:
    assert error_of_kind("invented tomorrow") is StreamTrackError


def test_bases_hold_what_callers_catch() -> None:
    assert issubclass(FrameExpiredError, PromptError)
    assert not issubclass(StreamOfflineError, CapacityError)
    assert str(pickle.loads(pickle.dumps(PromptError("one line")))) == "one line"
