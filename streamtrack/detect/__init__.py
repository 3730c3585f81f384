"""Finds objects by class on a single picture, so that tracks can start without a click."""

from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.detector import Detection, Detector

__all__ = ["Box", "Detection", "Detector", "box_iou"]
