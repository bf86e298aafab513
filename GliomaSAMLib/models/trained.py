"""What of a network is trained: the part that a weights file holds. Frozen blocks come from the base model's file."""

from collections.abc import Mapping

from torch import Tensor, nn

from .encoder import load_strictly
from .frozen_blocks import FrozenBlocks


def trained_names(network: nn.Module) -> set[str]:
    """Names in the network's state of what is trained; call it before gradients are switched off."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    for prefix, module in network.named_modules():
        if isinstance(module, FrozenBlocks):
            frozen |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_buffers()}
    return set(network.state_dict()) - frozen


def trained_state(network: nn.Module, names: set[str]) -> dict[str, Tensor]:
    """The tensors of those names."""
    return {name: tensor for name, tensor in network.state_dict().items() if name in names}


def load_trained(network: nn.Module, state: Mapping[str, Tensor], names: set[str], source: str) -> None:
    """Fill in the trained tensors; all of them must be there with their shapes, and none besides.

    Args:
        network: The network.
        state: Tensors by name.
        names: What `trained_names` gives.
        source: Where the tensors come from, for the message.

    Raises:
        WeightsError: Names the tensors that are missing, unexpected or of another shape.
    """
    whole = network.state_dict()
    rest = {name: tensor for name, tensor in whole.items() if name not in names}
    clash = {f"{name} (frozen)": tensor for name, tensor in state.items() if name in rest}
    given = {name: tensor for name, tensor in state.items() if name not in rest}
    load_strictly(network, {**rest, **given, **clash}, source)
