"""`streams.N.autoprompt`: who starts objects and mends them, beside people and programs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.section import Section

SHIPPED = "shipped"
TRANSFORMERS, PYTHON = "transformers:", "python:"
"""How a detector is named that does not ship; what follows is a model, or a module and a name in it."""


class SceneAutoprompt(Section):
    """A synthetic scene knows its objects, and starts all of them on the first frame.

    The mean IoU against its ground truth is reported.
    """

    kind: Literal["scene"] = "scene"
    """For `synthetic:` sources."""


class MendConfig(Section):
    """What is found mends what is followed: a box that disagrees with an object's mask becomes a prompt of
    it, and it keeps its id. Told by `mended` events. A mask that reaches into what another find shows is cut
    to the find that is its own, without an event. Who was near others is compared with what is found once
    they part: whose looks say that it is another find goes on from that, all of those who changed places
    together. An object that nothing disagrees with is never touched: its masks are byte for byte what they
    are without this section.
    """

    min_score: float = Field(0.5, ge=0, le=1)
    """The detector must be so sure of a find; what starts objects may be less, and 0.3 does where an object
    is expected and looks like it."""
    sure_score: float = Field(0.8, ge=0, le=1)
    """So sure a find mends at the first look where all else agrees; a less sure one must be there twice."""
    disagree_iou: float = Field(0.4, ge=0, le=1)
    """IoU of an `uncertain` mask's box with a find, below which they disagree. Higher mends more."""
    over_box: float = Field(2.0, ge=1.2, le=100)
    """A mask that has so many times the area of its find's box, or whose box has, covers more than the
    object."""
    reach: float = Field(1.0, gt=0, le=20)
    """How far from where it is expected an object may be found, in lengths of its longer side: so many at
    once, and as many again for each second since it was last seen well."""
    min_likeness: float = Field(0.85, ge=-1, le=1)
    """How alike what was found and what is remembered of the object must be for a find to be an object that
    is gone: the least of the cosine of the encoder's pooled features and of how alike the colours are, in the
    third of it, from top to bottom, where they differ most; 1 is the same. Higher confuses fewer and finds
    fewer again."""
    gone_after_ms: int = Field(400, ge=0)
    """An object that is hidden for longer may be found elsewhere than where it is expected; until then it is
    waited for."""
    looks: int = Field(2, ge=1, le=20)
    """Detections in a row in which a find that is not beyond doubt must lead to the same object."""
    cooldown_ms: int = Field(800, ge=0)
    """From one mending of an object to its next at least; doubled with each that did not help, up to eight
    times as long."""
    objects: Literal["own", "all"] = "all"
    """own: those that the detector started. all: those of people and programs as well, once finds have agreed
    with them, which says what class they are of."""


class FindingAutoprompt(Section):
    """What all that look for objects share."""

    kind: str
    """Who looks."""
    label: str | None = Field(None, max_length=128)
    """What its objects are called. null: their class."""
    min_box_px: int = Field(24, ge=1)
    """Shorter side of the box, in pixels of the frame. Smaller objects are followed badly."""
    confirmations: int = Field(2, ge=1, le=20)
    """Looks in a row before an object starts: each costs an interval and spares false starts."""
    interval_ms: int = Field(400, ge=20)
    """From the start of one look to the next. Shorter starts tracks sooner and takes more of a core."""
    max_objects: int = Field(8, ge=1, le=256)
    """Objects that it follows at a time; those of people, and those that are lost, do not count."""
    cooldown_ms: int = Field(5_000, ge=0)
    """What someone removed is left alone until nothing was found there for so long."""
    remove_lost_after_ms: int | None = Field(10_000, ge=0)
    """Its objects end so long after they were lost, so that days of passers-by fill nothing; until then they
    may be found again. null: never."""
    remove_unconfirmed_after_ms: int | None = Field(6_000, ge=0)
    """Its objects end when nothing that was found met their mask for so long, `uncertain` ones after half of
    it: the mask drifted off. Longer keeps what cannot be found, such as people behind a car. null: never."""
    remove_left_after_ms: int | None = Field(None, ge=0)
    """Its objects end so long after they were last seen, where the picture's border cut them then: what comes
    in there next is something else. null: as all others."""
    film_starts: Literal["first", "all"] = "all"
    """In films (`track --autoprompt`). all: whatever is found on later frames and no object covers starts
    one, too, by a first run through the film with nano; first: only what the first frame shows that shows
    any."""


class DetectorAutoprompt(FindingAutoprompt):
    """A detector looks at the newest frame every now and then, starts what it finds, and mends what is
    followed.

    The shipped one runs on a thread of its own, on the processor.
    """

    kind: Literal["detector"] = "detector"
    """Finds objects by class."""
    detector: str = Field(SHIPPED, min_length=1, max_length=400)
    """shipped: YOLOX-nano, COCO's 80 classes. `transformers:NAME`: an object-detection model of the package
    transformers (the extra streamtrack[detect]), a local folder or a name of the Hugging Face hub, such as
    transformers:PekingU/rtdetr_v2_r18vd. `python:MODULE:NAME`: your own, whatever calling NAME of MODULE
    (installed, or in a folder that PYTHONPATH names) returns that fulfils `streamtrack.detect.Detector`. Who
    may write the config may run code by it. A look that fails is told once, and tried again after twice the
    time each time, a minute at most; meanwhile nothing starts or is mended."""
    detector_device: str = Field("cpu", pattern=r"^(cpu|mps|cuda(:\d+)?)$")
    """Where a model of transformers runs: cpu, cuda, cuda:1 or mps. The shipped one runs on the processor."""
    classes: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(min_length=1)
    """Of those that the detector knows; the shipped one's are COCO's 80: person, car, dog, ... From straight
    above it hardly knows a car: there `kind: motion` starts what moves."""
    min_score: float = Field(0.45, ge=0, le=1)
    """Surer finds start fewer wrong tracks and miss more right ones; 0.35 to 0.6 is sensible."""
    image_size: int = Field(416, ge=128, le=2048)
    """Longer side of the picture that the shipped detector sees, in pixels, a multiple of 32. Larger finds
    smaller objects and costs time by the square."""
    start: bool = True
    """false: it starts nothing, and only mends what is followed."""
    mend: MendConfig | None = MendConfig()
    """How its finds mend objects. null: they do not."""

    @field_validator("detector", mode="before")
    @classmethod
    def _kind_and_name(cls, value: Any) -> Any:
        # `detector: {python: module:name}` is what YAML makes of it with a space behind the colon.
        if isinstance(value, dict) and len(value) == 1:
            [(kind, name)] = value.items()
            value = f"{kind}:{'' if name is None else name}"
        return value

    @field_validator("detector")
    @classmethod
    def _is_one_of_three(cls, value: str) -> str:
        if value == SHIPPED:
            return value
        for kind in (TRANSFORMERS, PYTHON):
            name = value.removeprefix(kind).strip()
            parts = name.split(":") if kind == PYTHON else ["a module", name]
            if value.startswith(kind) and len(parts) == 2 and all(parts):
                return kind + name
        raise ValueError("expected shipped, transformers:NAME or python:MODULE:NAME")

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # What others know is asked when they are there.
        for name in value if info.data.get("detector") == SHIPPED else ():
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value

    @field_validator("image_size")
    @classmethod
    def _fits_the_grid(cls, value: int) -> int:
        if value % 32:
            raise ValueError(f"image_size is {value}, expected a multiple of 32")
        return value


class MotionAutoprompt(FindingAutoprompt):
    """What moves before a camera that does not: OpenCV's background subtraction finds it, whatever it is.

    Shadows, rain, leaves and lights move as well; a camera that pans sees everything move.
    """

    kind: Literal["motion"] = "motion"
    """Finds what moves."""
    method: Literal["mog2", "knn"] = "mog2"
    """mog2: a mixture of Gaussians a pixel. knn: the nearest of kept samples, better where little moves."""
    history: int = Field(100, ge=2, le=10_000)
    """Looks by which the background is known: with interval_ms 200, 100 are 20 s; what stands still for about
    as long becomes ground."""
    warm_up: int = Field(10, ge=1, le=10_000)
    """Looks before the first find: what moves on all of them is in the background."""
    threshold: float | None = Field(None, gt=0, le=100_000)
    """Squared distance from the background at which a pixel has changed, as the method counts it. null: 16
    for mog2, 400 for knn. Higher sees less."""
    shadows: Literal["drop", "keep"] = "drop"
    """drop: pixels that only became darker are no object; costs a little time."""
    opening_px: int = Field(3, ge=0, le=101)
    """Specks narrower than this, in pixels of the picture that is looked at, vanish. 0: none do."""
    closing_px: int = Field(9, ge=0, le=101)
    """Gaps narrower than this are bridged, so that a body is one piece. 0: none are."""
    look_width_px: int = Field(480, ge=64, le=8192)
    """Wider pictures are looked at so small."""
    min_area: float = Field(0.0008, gt=0, le=1)
    """What moves must have this share of the picture: 0.0008 of 1280 x 720 is 27 x 27 pixels."""
    max_area: float = Field(0.4, gt=0, le=1)
    """More of the picture than this is a light that was switched, or a camera that was pushed."""
    confirmations: int = Field(3, ge=1, le=20)
    """Looks in a row in which it must move before it starts."""
    interval_ms: int = Field(200, ge=20)
    """From the start of one look to the next."""
    label: str | None = Field("moving", max_length=128)
    """What its objects are called."""
    remove_unconfirmed_after_ms: int | None = Field(None, ge=0)
    """Its objects end when nothing moved under their mask for so long. null: what stands still is kept."""
    remove_left_after_ms: int | None = Field(1_000, ge=0)
    """Its objects end so long after they were last seen, where the picture's border cut them then: what comes
    in there next is something else, such as the next car. null: as all others."""
    mend: MendConfig | None = MendConfig()
    """How what moves mends objects, as a detector's finds do: what is started while it comes in is followed
    whole, a mask that is far less than what moves, or more, goes on from its box, and one of two who part is
    cut to its own. null: it does not."""


class GridAutoprompt(FindingAutoprompt):
    """Everything: points on a grid over the picture, each asked of the shipped network, as SAM's automatic
    masks are made; what is sure, stable and no duplicate starts.

    It takes a second or more of one core a look, so that looks are far apart.
    """

    kind: Literal["grid"] = "grid"
    """Finds what has an outline."""
    points_per_side: int = Field(12, ge=2, le=64)
    """Points along the longer side of the picture. More find smaller things and take longer."""
    min_quality: float = Field(0.7, ge=0, le=1)
    """Of the network's own estimate of the mask's IoU."""
    min_stability: float = Field(0.8, ge=0, le=1)
    """IoU of the masks that come of the logits above and below `stability_offset`, as SAM defines it."""
    stability_offset: float = Field(1.0, gt=0, le=20)
    """Logits by which the mask's bound is moved up and down for that."""
    max_iou: float = Field(0.5, gt=0, le=1)
    """Of two masks whose boxes overlap more the surer stays."""
    min_area: float = Field(0.002, gt=0, le=1)
    """A mask must have this share of the picture."""
    max_area: float = Field(0.4, gt=0, le=1)
    """A larger one is the ground."""
    confirmations: int = Field(1, ge=1, le=20)
    """Looks in a row before an object starts."""
    interval_ms: int = Field(5_000, ge=20)
    """From the start of one look to the next."""
    label: str | None = Field("thing", max_length=128)
    """What its objects are called."""
    remove_unconfirmed_after_ms: int | None = Field(None, ge=0)
    """Its objects end when no look met their mask for so long. null: never."""


AnyAutoprompt = Annotated[
    SceneAutoprompt | DetectorAutoprompt | MotionAutoprompt | GridAutoprompt, Field(discriminator="kind")
]
