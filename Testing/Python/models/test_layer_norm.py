"""Layer norm over channels against that of segment_anything."""

import torch
from segment_anything.modeling.common import LayerNorm2d as Stock
from torch import nn

from GliomaSAMLib.models.layer_norm import LayerNorm2d


def test_it_is_that_of_segment_anything_to_the_last_bit() -> None:
    torch.manual_seed(0)
    stock, own = Stock(6), LayerNorm2d(6)
    nn.init.normal_(stock.weight)
    nn.init.normal_(stock.bias)
    own.load_state_dict(stock.state_dict())
    x = 3 + 5 * torch.randn(2, 6, 4, 7)
    assert torch.equal(own(x), stock(x))
