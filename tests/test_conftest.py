"""Missing hardware is a skip with a reason, and a failure where the run has promised to have it."""

from __future__ import annotations

import pytest

from tests import conftest

NO_GPU = "no CUDA device"
NO_BROWSER = "none of chromium, chromium-browser, google-chrome is installed"


@pytest.fixture(params=["needs_cuda", "browser"])
def marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> pytest.Item:
    """A marked test on a machine without GPU and browser."""
    monkeypatch.setattr(conftest, "_has_cuda", lambda: False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("STREAMTRACK_REQUIRE_CUDA", raising=False)
    item: pytest.Item = pytest.Function.from_parent(request.node.parent, name="marked", callobj=lambda: None)
    item.add_marker(request.param)
    return item


def test_missing_hardware_is_a_skip_with_its_reason(marked: pytest.Item) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        conftest.pytest_runtest_setup(marked)
    assert skipped.value.msg == (NO_GPU if marked.get_closest_marker("needs_cuda") else NO_BROWSER)


def test_missing_hardware_is_a_failure_where_the_run_requires_it(
    marked: pytest.Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("STREAMTRACK_REQUIRE_CUDA", "1")
    with pytest.raises(pytest.fail.Exception, match=r"and this run requires it$"):
        conftest.pytest_runtest_setup(marked)


def test_gpu_is_not_required_by_ci_alone(marked: pytest.Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    expected = pytest.skip.Exception if marked.get_closest_marker("needs_cuda") else pytest.fail.Exception
    with pytest.raises(expected):
        conftest.pytest_runtest_setup(marked)
