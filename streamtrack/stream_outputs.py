"""What a stream's config asks to be made of what the stream sees: each a consumer, attached here and named
nowhere in the pipeline."""

from __future__ import annotations

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import FindingAutoprompt, StreamConfig
from streamtrack.detect.choose import open_detector
from streamtrack.detect.detector_consumer import DetectorConsumer
from streamtrack.pipeline import Pipeline
from streamtrack.pipeline.scene_score import SceneScore
from streamtrack.publish.masks_consumer import MasksConsumer
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.rules.desk import RulesDesk
from streamtrack.rules.rules_consumer import RulesConsumer
from streamtrack.video.picture_consumer import PictureConsumer
from streamtrack.video.stream import VideoStream

MASKS_HELD, VIDEO_HELD, SCORES_HELD, RULES_HELD = 2, 2, 8, 8
"""Updates that wait: more masks would be published late; the picture keeps the newest by itself; what is
scored are synthetic scenes, where a slow score must not drop frames; rules count best on every frame."""


def attach_outputs(
    pipeline: Pipeline,
    config: StreamConfig,
    publisher: ZmqPublisher,
    clock: Clock = SYSTEM_CLOCK,
    rules: RulesDesk | None = None,
) -> VideoStream:
    """Attach everything that a config names to a pipeline; returns the annotated picture, for its viewers.

    Args:
        rules: the stream's; None makes its own.
    Raises:
        ConfigError, CheckpointError: a detector is asked for that cannot be had; the file of rules cannot
            be read.
    """
    rules = rules or RulesDesk(config.name, config.rules)
    masks = MasksConsumer(publisher, pipeline.telemetry, lambda: pipeline.model)
    pipeline.attach(masks, capacity=MASKS_HELD, drop_reason="late", every_frame=True, required=True)
    pipeline.attach(
        RulesConsumer(rules, pipeline.tell), capacity=RULES_HELD, drop_reason="rules_late", every_frame=True
    )
    video = VideoStream(config.name, config.video, pipeline.telemetry, clock, rules.drawn)
    rules.when_changed(video.redraw)
    pipeline.attach(PictureConsumer(video, lambda: pipeline.state), capacity=VIDEO_HELD)
    pipeline.attach(SceneScore(pipeline.telemetry), capacity=SCORES_HELD, every_frame=True)
    if isinstance(config.autoprompt, FindingAutoprompt):
        detector = open_detector(config.autoprompt)
        consumer = DetectorConsumer(
            config.name, config.autoprompt, pipeline, lambda: detector, pipeline.telemetry, clock
        )
        pipeline.attach(consumer, capacity=1)
    return video
