"""The configuration: a frozen pydantic model for each section, a file a section, read from YAML.

A part of the program gets its own section, never the whole. Units end the keys. Unknown keys are refused and
named with their file, so that a typo never runs as a default. docs/config.md lists every key.
"""

from streamtrack.config.alerts import AlertsConfig, MqttConfig, ReceiverConfig, WebhookConfig
from streamtrack.config.autoprompt import (
    DetectorAutoprompt,
    FindingAutoprompt,
    GridAutoprompt,
    MendConfig,
    MotionAutoprompt,
    SceneAutoprompt,
)
from streamtrack.config.cameras import CamerasConfig
from streamtrack.config.exposure import is_loopback
from streamtrack.config.http import HttpConfig, HttpLimitsConfig
from streamtrack.config.jobs import JobsConfig
from streamtrack.config.model import ModelConfig, live_threads
from streamtrack.config.overrides import Override
from streamtrack.config.process import ProcessConfig
from streamtrack.config.ptz import PtzConfig
from streamtrack.config.push import PushConfig, push_names
from streamtrack.config.recording import ArchiveConfig, RecordingConfig
from streamtrack.config.resolve import fill_in, load_config, load_recording_config, parse_config
from streamtrack.config.rules import AnyRule, LineRule, RulesConfig, ScaleConfig, ZoneRule
from streamtrack.config.section import Section
from streamtrack.config.source import ReconnectConfig, SourceConfig
from streamtrack.config.state import StateConfig
from streamtrack.config.stream import STREAM_NAME, PromptConfig, StreamConfig
from streamtrack.config.supervision import SupervisionConfig
from streamtrack.config.tracking import TrackingConfig
from streamtrack.config.video import AnnotateConfig, VideoConfig
from streamtrack.config.webrtc import IceServerConfig, WebrtcConfig
from streamtrack.config.whole import Config
from streamtrack.config.zmq import CurveConfig, ZmqConfig

__all__ = [
    "STREAM_NAME",
    "AlertsConfig",
    "AnnotateConfig",
    "AnyRule",
    "ArchiveConfig",
    "CamerasConfig",
    "Config",
    "CurveConfig",
    "DetectorAutoprompt",
    "FindingAutoprompt",
    "GridAutoprompt",
    "HttpConfig",
    "HttpLimitsConfig",
    "IceServerConfig",
    "JobsConfig",
    "LineRule",
    "MendConfig",
    "ModelConfig",
    "MotionAutoprompt",
    "MqttConfig",
    "Override",
    "ProcessConfig",
    "PromptConfig",
    "PtzConfig",
    "PushConfig",
    "ReceiverConfig",
    "ReconnectConfig",
    "RecordingConfig",
    "RulesConfig",
    "ScaleConfig",
    "SceneAutoprompt",
    "Section",
    "SourceConfig",
    "StateConfig",
    "StreamConfig",
    "SupervisionConfig",
    "TrackingConfig",
    "VideoConfig",
    "WebhookConfig",
    "WebrtcConfig",
    "ZmqConfig",
    "ZoneRule",
    "fill_in",
    "is_loopback",
    "live_threads",
    "load_config",
    "load_recording_config",
    "parse_config",
    "push_names",
]
