"""What a robot imports: masks and events as they are published, and commands. numpy, msgspec and zmq; no
torch.

with MaskSubscriber("tcp://127.0.0.1:5555", stream="cam1") as masks:
    for message in masks:
        message.objects[1].mask          # (H, W) bool

with Control("tcp://127.0.0.1:5556", stream="cam1") as control:
    control.add(points=[(210, 350)]).object_id
"""

from streamtrack.client.connection import ClientKeys
from streamtrack.client.control import Control, decode_mask
from streamtrack.client.subscribers import EventSubscriber, MaskSubscriber
from streamtrack.control.envelope import Answer
from streamtrack.object_record import CandidateInfo, ObjectInfo
from streamtrack.publish.message import EventMessage, MaskMessage, ReceivedMask

__all__ = [
    "Answer",
    "CandidateInfo",
    "ClientKeys",
    "Control",
    "EventMessage",
    "EventSubscriber",
    "MaskMessage",
    "MaskSubscriber",
    "ObjectInfo",
    "ReceivedMask",
    "decode_mask",
]
