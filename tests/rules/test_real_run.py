"""The tracker's own masks through the whole server, against the exact masks of the scene."""

from __future__ import annotations

from streamtrack.config import AlertsConfig, LineRule, RulesConfig, TrackingConfig, WebhookConfig, ZoneRule
from streamtrack.frame import Event, Frame
from streamtrack.rules.book import RuleBook
from streamtrack.scenes.scene import make_scene
from tests.support.pipelines import stream_config, wait_until
from tests.support.receivers import hooked
from tests.support.servers import server_config, serving
from tests.support.walks import frame_at, result_at

FPS, FRAMES = 8, 20
SCENE = f"leave?width=320&height=180&fps={FPS}&frames={FRAMES}"
RULES = RulesConfig(
    zones=(ZoneRule(name="middle", points=((120, 40), (240, 40), (240, 180), (120, 180))),),
    lines=(LineRule(name="half", points=((180, 0), (180, 180))),),
)
"""One ball rolls through both; the other stays outside."""


def exact_events() -> list[Event]:
    """What the rules say of the scene's own masks."""
    scene, book, events = make_scene(SCENE), RuleBook(), []
    book.set_rules((*RULES.zones, *RULES.lines))
    for index in range(FRAMES):
        image, masks = scene.render(index)
        frame: Frame = frame_at(index, FPS, image=image)
        events += book.take(result_at(index, masks, frame=frame))
    return events


def key(event: Event) -> tuple[str, int | None, str]:
    return event.kind.value, event.object_id, event.detail.get("way", "")


def test_tracked_objects_are_counted_as_the_scenes_own_and_told_to_a_webhook() -> None:
    exact = exact_events()
    assert [key(event) for event in exact] == [
        ("entered", 1, ""),
        ("crossed", 1, "backward"),
        ("left", 1, ""),
    ]
    stream = stream_config(f"synthetic:{SCENE}", rules=RULES, tracking=TrackingConfig(window="off"))
    with hooked() as hook:
        webhook = WebhookConfig.model_validate({"name": "pager", "url": hook.url})
        config = server_config(stream, alerts=AlertsConfig(webhooks=(webhook,)))
        with serving(config) as server:
            wait_until(lambda: len(hook.requests) == 3, "three events of rules")
            told = [one for one in server.past_events("cam") if "rule" in one.detail]
            zone, line = server.status("cam").rules
    assert [(one.kind, one.object_id, one.detail.get("way", "")) for one in told] == [
        key(event) for event in exact
    ]
    assert [(one["kind"], one["frame_idx"]) for one in hook.bodies] == [
        (one.kind, one.frame_idx) for one in told
    ]
    assert (zone.entered, zone.left, line.backward, line.forward) == (1, 1, 1, 0)
    for found, truth in zip(told, exact, strict=True):
        assert abs(found.frame_idx - truth.frame_idx) <= 1
        assert "thumbnail" in found.detail
    assert abs(told[2].detail["dwell_s"] - exact[2].detail["dwell_s"]) <= 1.01 / FPS
