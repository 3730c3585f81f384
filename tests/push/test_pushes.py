from __future__ import annotations

import pytest

from streamtrack.config import CamerasConfig, PushConfig
from streamtrack.errors import PublishError
from streamtrack.ingest.source_gate import SourceGate
from streamtrack.push.av_target import AvTarget
from streamtrack.push.pushes import make_target
from streamtrack.push.whip_target import WhipTarget


def config(url: str) -> PushConfig:
    return PushConfig.model_validate({"url": url})


@pytest.mark.parametrize(
    ("url", "kind"),
    [("rtsp://h/x", AvTarget), ("rtmp://h/app/key", AvTarget), ("whip+https://h/x", WhipTarget)],
)
def test_address_says_what_it_is_sent_with(url: str, kind: type) -> None:
    gate = SourceGate(CamerasConfig(), loopback=False, look_up=lambda host: ["10.0.0.9"])
    assert isinstance(make_target(config(url)), kind)
    assert isinstance(make_target(config(url), gate), kind)


@pytest.mark.parametrize("url", ["rtsp://h/x", "rtmp://h/app/secret-key", "whip+https://h/x"])
def test_host_that_means_another_machine_by_now_is_not_called(url: str) -> None:
    gate = SourceGate(CamerasConfig(), loopback=False, look_up=lambda host: ["169.254.169.254"])
    with pytest.raises(PublishError, match="link-local, or a cloud's metadata") as caught:
        make_target(config(url), gate)
    assert "secret-key" not in str(caught.value)
