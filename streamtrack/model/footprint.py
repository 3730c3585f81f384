"""How much memory a model needs on its device, before anything of it is loaded.

Most of it follows from the sizes of tensors that are known beforehand: the weights, what is remembered of
each object (`engine.memory_bank`), and the encoded frames that are kept (`engine.history`). What a step needs
for itself was measured: the peak of torch's allocator on a CPU; `streamtrack bench fit` measures it anew. It
grows with the pixels of the input, and with the tokens that an object reads. Within 15 % of the allocator's
peak; a device keeps some more for itself, see `CUDA_BYTES` and `SLACK`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streamtrack.weights.catalog import CATALOG, CatalogEntry

GIBIBYTE = 2**30
CUDA_BYTES = 600 * 2**20
"""CUDA's context, its libraries and their workspaces."""
SLACK = 0.1
"""Share that the allocator holds and nobody uses: it hands memory out in blocks."""
STRIDE = 16
"""Pixels of the input a side of a token."""
CPU_BATCH, LARGE_SIDE = 4, 512
"""On a CPU so many objects go together, from that side on one by one; elsewhere all of them."""
FIRST_SLOTS = 2
"""Object slots at first; then they double."""
MAX_OBJECTS = 256


@dataclass(frozen=True, slots=True)
class Step:
    """What a step needs for itself in one precision, as measured."""

    encode: float
    """To encode a frame: bytes a pixel of the input."""
    read: float
    """To follow an object: bytes a token of the frame and a memory frame that is read."""
    look: float
    """The least to follow an object: bytes a token of the frame."""
    kept: float
    """Of an encoded frame: bytes a token and channel."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tensors of a network depend on."""

    width: int
    """Channels of a token, and of an object pointer."""
    memory_dim: int
    """Channels of a memory token."""
    weights: float
    """Bytes in memory a byte of the file: nano's is in half precision."""
    step: dict[str, Step]
    """By precision."""


def _hiera(encode: float, encode_bf16: float) -> Shape:
    """A SAM 2, whose sizes differ in their encoder only."""
    step = {"fp32": Step(encode, 4110, 17930, 16), "bf16": Step(encode_bf16, 4380, 11680, 10)}
    return Shape(256, 64, 1.0, step)


SHAPES: dict[str, Shape] = {
    "nano": Shape(128, 64, 2.0, {"fp32": Step(246, 3341, 7750, 16), "bf16": Step(129, 2442, 7020, 10)}),
    "tiny": _hiera(300, 192),
    "small": _hiera(300, 192),
    "base-plus": _hiera(348, 222),
    "large": _hiera(444, 282),
}
"""By the size in a catalog's name."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """How much a session keeps; the numbers of `TrackingConfig` and of the checkpoints."""

    conditioning_frames: int = 4
    history_frames: int = 32
    recent_frames: int = 6
    recent_pointers: int = 15
    windows: bool | None = None
    """Pictures are kept in place of encoded frames, on the host; None: where the model's own
    `tracking.window` is not off."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes on the device, by what needs them."""

    weights: int
    objects: int
    """What is remembered of them."""
    history: int
    """Encoded frames, for prompts on a past frame."""
    work: int
    """The step's own, while it runs."""
    device: int
    """The device's own."""

    @property
    def total(self) -> int:
        """All of it, and what the allocator holds beside."""
        return round((self.weights + self.objects + self.history + self.work) * (1 + SLACK)) + self.device


def shape_of(entry: CatalogEntry) -> Shape | None:
    """What is known of a catalog entry's network; None for one of an unknown family."""
    return SHAPES.get(entry.name.partition("-")[2] or entry.name)


def estimate(
    entry: CatalogEntry,
    *,
    objects: int = 1,
    image_size: int | None = None,
    precision: str = "fp32",
    device: str = "cuda",
    remembered: Remembered = Remembered(),
) -> Footprint | None:
    """What following `objects` with a model needs; None where its family is unknown.

    Args:
        image_size: side of the input in pixels; None: the model's own.
        precision: fp32 or bf16.
        device: cpu, cuda or mps.
    """
    shape = shape_of(entry)
    if shape is None:
        return None
    side = image_size or entry.image_size
    tokens = (side // STRIDE) ** 2
    step = shape.step[precision]
    slots = FIRST_SLOTS
    while slots < objects:
        slots *= 2
    frames = remembered.conditioning_frames + remembered.recent_frames
    batch = min(objects, CPU_BATCH if side < LARGE_SIDE else 1) if device == "cpu" else objects
    windows = entry.window != "off" if remembered.windows is None else remembered.windows
    encoded_frames = 0 if windows else remembered.history_frames
    follow = batch * tokens * max(step.read * frames, step.look)
    bank = slots * _slot_bytes(shape, tokens, remembered)
    # While slots double, the old ones are there as well.
    growth = bank / 2 if slots > FIRST_SLOTS else 0
    return Footprint(
        weights=round(entry.num_bytes * shape.weights),
        objects=bank,
        history=round(encoded_frames * tokens * shape.width * step.kept),
        work=round(max(step.encode * side**2, follow, growth)),
        device=CUDA_BYTES if device == "cuda" else 0,
    )


def _slot_bytes(shape: Shape, tokens: int, remembered: Remembered) -> int:
    """What the bank holds of one object, with room for what its prompts displace."""
    stored = 3 * remembered.conditioning_frames + remembered.history_frames
    features = (stored + remembered.recent_frames) * tokens * shape.memory_dim * 2
    pointers = (stored + remembered.recent_pointers) * shape.width * 4
    mask_pixels = 16 * tokens
    shown = remembered.history_frames + remembered.conditioning_frames
    return features + pointers + shown * (mask_pixels + 3) * 4


@dataclass(frozen=True, slots=True)
class Fit:
    """One model beside the memory that there is."""

    entry: CatalogEntry
    image_size: int
    needed: int
    """Bytes for the objects that were asked for."""
    fits: bool
    most_objects: int
    """At that size; 0: not even one."""
    largest_size: int | None
    """Up to the model's own, for the objects that were asked for; None: none fits."""


def find_fits(
    free_bytes: int,
    *,
    objects: int = 1,
    image_size: int | None = None,
    precision: str = "fp32",
    device: str = "cuda",
    remembered: Remembered = Remembered(),
) -> Iterator[Fit]:
    """Every model of the catalog, smallest first, against what is free.

    Args:
        image_size: None: each model's own.
    """
    for entry in CATALOG.values():

        def needed(count: int, side: int, entry: CatalogEntry = entry) -> int:
            found = estimate(
                entry,
                objects=count,
                image_size=side,
                precision=precision,
                device=device,
                remembered=remembered,
            )
            assert found is not None
            return found.total

        if shape_of(entry) is None:
            continue
        side = image_size or entry.image_size
        counts = (count for count in range(MAX_OBJECTS, 0, -1) if needed(count, side) <= free_bytes)
        sizes = (size for size in _sizes(side, entry) if needed(objects, size) <= free_bytes)
        total = needed(objects, side)
        yield Fit(entry, side, total, total <= free_bytes, next(counts, 0), next(sizes, None))


def advise(entry: CatalogEntry, image_size: int, precision: str, device: str, free_bytes: int) -> str:
    """One sentence after the memory was used up: what would fit instead.

    Args:
        free_bytes: what there is for all of it.
    """
    where = f"{device} has {free_bytes / GIBIBYTE:.1f} GiB for {entry.name} at {image_size} px"
    fits = {
        fit.entry.name: fit
        for fit in find_fits(free_bytes, image_size=image_size, precision=precision, device=device)
    }
    own = fits.get(entry.name)
    if own is None:
        return f"{where}: fewer objects or a smaller model.image_size need less"
    ideas = []
    if own.most_objects:
        ideas.append(f"{own.most_objects} {'object' if own.most_objects == 1 else 'objects'}")
    wanted = own.most_objects + 1
    smaller = _largest_size(entry, image_size - 32, wanted, precision, device, free_bytes)
    for_them = f" for {wanted}" if wanted > 1 else ""
    if smaller is not None:
        ideas.append(f"model.image_size {smaller}{for_them}")
    release = entry.name.partition("-")[0]
    others = [
        name
        for name in fits
        if name != entry.name
        and name.partition("-")[0] in (release, "nano")
        and CATALOG[name].num_bytes < entry.num_bytes
        and _needs(CATALOG[name], wanted, CATALOG[name].image_size, precision, device) <= free_bytes
    ]
    if others:
        ideas.append(f"{others[-1]}{for_them}")
    return f"{where}, where {' or '.join(ideas)} would fit" if ideas else f"{where}: no model fits"


def _needs(entry: CatalogEntry, objects: int, side: int, precision: str, device: str) -> int:
    found = estimate(entry, objects=objects, image_size=side, precision=precision, device=device)
    assert found is not None
    return found.total


def _largest_size(
    entry: CatalogEntry, most: int, objects: int, precision: str, device: str, free_bytes: int
) -> int | None:
    fitting = (
        size for size in _sizes(most, entry) if _needs(entry, objects, size, precision, device) <= free_bytes
    )
    return next(fitting, None)


def _sizes(most: int, entry: CatalogEntry) -> Iterator[int]:
    """Sizes that the network can be built for, the largest first."""
    return (size for size in range(most, 127, -1) if entry.takes_image_size(size))
