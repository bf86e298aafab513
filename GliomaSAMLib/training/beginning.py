"""Beginning a training from the weights of another one."""

from typing import Any

from ..models.catalogue import find_weights
from ..models.registry import MethodConfig, Parts, config_from_json
from ..models.weights import load_trainable, load_weights, trainable_names


def begin_from(start: str, parts: Parts, config: MethodConfig) -> str:
    """Fill a network with the weights of a file, or of a model of that name.

    Args:
        start: The file or the name.
        parts: The network and what embeds slices for it.
        config: What is trained.

    Returns:
        A line for the user: where the weights are from, and what they were made for that is other now.

    Raises:
        WeightsError: They are not of this network, or cannot be read.
        ModelError: Their config cannot be read.
    """
    state, metadata = load_weights(*find_weights(start))
    metadata.check_base(parts.embedder.base_sha256 if parts.embedder is not None else None)
    load_trainable(parts.network, state, trainable_names(parts.network), str(metadata.path))
    earlier, now = _fields(config_from_json(metadata.config).to_json()), _fields(config.to_json())
    other = [f"{name} {earlier.get(name)}, now {value}" for name, value in now.items() if earlier.get(name) != value]
    changed = f", which were made with {'; '.join(other)}: the network has to learn that anew" if other else ""
    return f"Begins from {metadata.path.name}{changed}"


def _fields(content: dict[str, Any]) -> dict[str, Any]:
    """All fields of a config by their own names."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat
