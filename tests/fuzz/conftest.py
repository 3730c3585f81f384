"""One server for all tests that attack one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.target import Target, serving


# Not of the session: it would go on tracking beside all tests that come after these.
@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def target(served: Target) -> Iterator[Target]:
    """The server; afterwards it must be as sound as before."""
    yield served
    served.check_sound()
