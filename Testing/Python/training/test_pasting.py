"""Tumours of other patients."""

import torch

from GliomaSAMLib.training.pasting import with_tumour_of

SHAPE = (40, 40, 40)


def head(brightness: float, tumour: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Two modalities of a brain in air, with a brighter tumour on one side."""
    generator = torch.Generator().manual_seed(1)
    images = brightness + 0.05 * torch.rand(2, *SHAPE, generator=generator)
    levels = torch.zeros(SHAPE, dtype=torch.uint8)
    if tumour:
        levels[10:22, 10:22, 10:22] = 1
        levels[13:19, 13:19, 13:19] = 3
        images[:, levels > 0] += 0.04
    images[:, :, :, 36:] = 0
    return images, levels


def test_the_tumour_comes_with_its_label_and_in_the_grey_values_of_its_new_head() -> None:
    images, levels = head(0.3, tumour=False)
    other_images, other_levels = head(0.6, tumour=True)
    pasted, relabelled = with_tumour_of(images, levels, other_images, other_levels, margin=5)
    assert torch.equal(relabelled, other_levels)
    tissue = images[:, levels == 0].mean()
    inner = pasted[:, relabelled == 3].mean()
    assert 0.01 < inner - tissue < 0.1  # as much brighter than what is round it as it was, not as the other head
    far = torch.zeros(SHAPE, dtype=torch.bool)
    far[30:] = True
    assert torch.equal(pasted[:, far], images[:, far])
    assert not pasted[images == 0].any()


def test_a_tumour_of_its_own_makes_way_only_where_the_other_is_put() -> None:
    images, levels = head(0.3, tumour=False)
    levels[30:36, 30:36, 20:26] = 2
    levels[14:16, 14:16, 14:16] = 1
    other_images, other_levels = head(0.3, tumour=True)
    _, relabelled = with_tumour_of(images, levels, other_images, other_levels, margin=5)
    assert (relabelled[30:36, 30:36, 20:26] == 2).all()
    assert (relabelled[14:16, 14:16, 14:16] == 3).all()


def test_where_there_is_no_tumour_all_stays() -> None:
    images, levels = head(0.3, tumour=True)
    other_images, other_levels = head(0.6, tumour=False)
    pasted, relabelled = with_tumour_of(images, levels, other_images, other_levels, margin=9)
    assert torch.equal(pasted, images) and torch.equal(relabelled, levels)
