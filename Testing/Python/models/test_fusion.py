import pytest
import torch

from GliomaSAMLib.models.fusion import ModalityFusion


@pytest.fixture
def fusion() -> ModalityFusion:
    torch.manual_seed(0)
    return ModalityFusion(channels=6, width=16, modalities=4).eval()


def embeddings(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 4, 6, 3, 5, 4, generator=torch.Generator().manual_seed(1))


def test_one_grid_of_the_new_width(fusion: ModalityFusion) -> None:
    fused = fusion(embeddings(), torch.ones(2, 4, dtype=torch.bool))
    assert fused.shape == (2, 16, 3, 5, 4) and torch.isfinite(fused).all()


def test_one_modality_alone_is_taken_as_it_is(fusion: ModalityFusion) -> None:
    present = torch.tensor([[False, True, False, False]] * 2)
    given = embeddings()
    x = fusion.norm(fusion.project(given[:, 1])) + fusion.modality[1][:, None, None, None]
    assert torch.allclose(fusion(given, present), fusion.mix(x), atol=1e-6)


def test_the_weights_of_those_present_add_up_to_one(fusion: ModalityFusion) -> None:
    """Where all modalities look the same, the fusion of any of them is that look."""
    torch.nn.init.zeros_(fusion.modality)
    given = embeddings()[:, :1].expand(-1, 4, -1, -1, -1, -1)
    alone = fusion(given, torch.tensor([[True, False, False, False]] * 2))
    for present in ([True] * 4, [False, True, True, False]):
        assert torch.allclose(fusion(given, torch.tensor([present] * 2)), alone, atol=1e-5)


def test_an_absent_modality_is_not_even_looked_at(fusion: ModalityFusion) -> None:
    present = torch.tensor([[True, True, False, True]] * 2)
    given = embeddings()
    expected = fusion(given, present)
    given[:, 2] = torch.nan
    assert torch.equal(fusion(given, present), expected)


def test_modalities_are_told_apart(fusion: ModalityFusion) -> None:
    given, everything = embeddings(), torch.ones(2, 4, dtype=torch.bool)
    assert not torch.allclose(fusion(given, everything), fusion(given[:, [1, 0, 2, 3]], everything))
