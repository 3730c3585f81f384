"""Finds objects on pictures, so that tracks start without a click and are mended where they went wrong."""

from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.detector import Detection, Detector

__all__ = ["Box", "Detection", "Detector", "box_iou"]
