"""The model that a config names, told apart from what it could not be, without loading it for use."""

from __future__ import annotations

from streamtrack.config import ModelConfig
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.build import resolve_device, resolve_precision
from streamtrack.model.checkpoint import name_of_checkpoint, read_checkpoint, read_hub_config
from streamtrack.model.families import identify
from streamtrack.weights.catalog import get_entry, require_checkpoint
from streamtrack.weights.model_name import catalog_name, weights_file


def choose_model(config: ModelConfig) -> ModelConfig:
    """The config with weights as `name` replaced by their architecture's name and `checkpoint`.

    Raises:
        CheckpointError: unknown model, or a file whose architecture is not recognised.
        ConfigError: two files are named.
    """
    path = weights_file(config.name)
    if path is None:
        name = get_entry(catalog_name(config.name)).name
        return _with_own_size(config if name == config.name else config.model_copy(update={"name": name}))
    if config.checkpoint is not None:
        raise ConfigError("model.name is a weights file and model.checkpoint another, expected one of them")
    return _with_own_size(config.model_copy(update={"name": name_of_checkpoint(path), "checkpoint": path}))


def _with_own_size(config: ModelConfig) -> ModelConfig:
    """With the image size that a folder's `config.json` names, where the config names none."""
    if config.image_size is not None or config.checkpoint is None or not config.checkpoint.is_dir():
        return config
    return config.model_copy(update={"image_size": read_hub_config(config.checkpoint).image_size})


def check_model(config: ModelConfig) -> ModelConfig:
    """`choose_model`, and whether its weights, the device and the precision are there on this machine.

    A file of one's own is read for that, the catalog's are not: their size is enough.

    Raises:
        CheckpointError: unknown model, or weights that are not there, damaged, or of another model.
        ConfigError: the device is not there, or does not have the precision.
    """
    path = weights_file(config.name)
    chosen = choose_model(config)
    resolve_precision(chosen.precision, resolve_device(chosen.device))
    if chosen.checkpoint is None:
        require_checkpoint(get_entry(chosen.name))
    elif path is None:  # else it was read for its name
        found = identify(read_checkpoint(chosen.checkpoint))
        if found is not None and found != chosen.name:
            raise CheckpointError(f"{chosen.checkpoint}: holds weights of {found}, expected {chosen.name}")
    return chosen
