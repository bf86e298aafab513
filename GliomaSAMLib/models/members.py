"""Networks that were trained apart, joined to the one that holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ..errors import ModelError, WeightsError
from .registry import METHODS, MethodConfig, config_from_json
from .weights import WeightsMetadata

Loaded = tuple[dict[str, Tensor], WeightsMetadata]
"""What `load_weights` gives of a file."""


def join(files: Sequence[Loaded]) -> tuple[dict[str, Tensor], MethodConfig]:
    """Tensors and config of the network of which the files hold the members; of one file, what it holds.

    Raises:
        ModelError: No method has members of these methods.
        WeightsError: The files were trained on other slices, or on other base models.
    """
    configs = [config_from_json(metadata.config) for _, metadata in files]
    if len(files) == 1:
        return files[0][0], configs[0]
    names = [config.method for config in configs]
    found = next((name for name, method in METHODS.items() if sorted(method.members.values()) == sorted(names)), None)
    if found is None:
        known = "; ".join(" and ".join(m.members.values()) for m in METHODS.values() if m.members)
        raise ModelError(f"networks of {' and '.join(names)} cannot be joined: there are only {known}")
    method = METHODS[found]
    members: Mapping[str, int] = {place: names.index(member) for place, member in method.members.items()}
    first = configs[0]
    for config, (_, metadata) in zip(configs[1:], files[1:], strict=True):
        if (config.encoder, config.layout) != (first.encoder, first.layout):
            raise WeightsError(
                f"{metadata.path} and {files[0][1].path} were trained on other slices or with another encoder, and "
                "cannot be joined: choose networks that were trained alike"
            )
        metadata.check_base(files[0][1].base_sha256)
    state = {f"{place}.{name}": tensor for place, n in members.items() for name, tensor in files[n][0].items()}
    decoder = replace(method.config.decoder, **{place: configs[n].decoder for place, n in members.items()})
    return state, MethodConfig(found, first.encoder, first.layout, decoder)
