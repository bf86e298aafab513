"""Tokens of points and boxes, and how they lie to a coarse grid."""

import pytest
import torch

from GliomaSAMLib.models.decoders.point_tokens import PointTokens, Relations, cell_positions, place_prompts, sample
from GliomaSAMLib.models.prompt_maps import PromptSet

CPU = torch.device("cpu")


def test_points_and_corners_of_boxes_are_placed_and_filled_up() -> None:
    some = PromptSet([((1.0, 2.5, 3.0), True, "ET"), ((7.0, 8.0, 9.0), False, "WT")])
    box = PromptSet(boxes=[((0.0, 1.0, 2.0), (4.0, 5.0, 6.0), "TC")])
    one = PromptSet([((5.0, 5.0, 5.0), True, "WT")])
    placed = place_prompts([some, box, one, PromptSet()], CPU)
    assert placed.positions[0].tolist() == [[1.0, 2.5, 3.0], [7.0, 8.0, 9.0]]
    assert placed.positions[1].tolist() == [[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]]
    assert placed.labels[:2].tolist() == [[1, 0], [2, 3]]
    assert placed.regions[:2].tolist() == [[2, 0], [1, 1]]
    assert placed.absent.tolist() == [[False, False], [False, False], [False, True], [True, True]]


def test_points_of_one_meaning_that_lie_together_are_one() -> None:
    lasso = [((4.0, float(j), float(i)), True, "WT") for j in range(20) for i in range(30)]
    others = [((4.0, 0.0, 0.0), False, "WT"), ((4.0, 0.0, 0.0), True, "TC")]
    placed = place_prompts([PromptSet(lasso + others)], CPU)
    assert placed.positions.shape == (1, 10 * 15 + 2, 3)
    assert placed.positions[0, 0].tolist() == [4.0, 0.5, 0.5]


@pytest.mark.parametrize("place", [(5.0, 9.0, 3.0), (0.0, 0.0, 23.0), (2.25, 7.5, 11.125)])
def test_places_of_grid_and_points_agree(place: tuple[float, float, float]) -> None:
    """A grid that holds its own coordinates gives a point's place back."""
    shape, grid = (12, 16, 24), (4, 8, 7)
    cells = cell_positions(shape, grid, CPU)
    assert torch.allclose(cells.amin(dim=0) + cells.amax(dim=0), torch.tensor(shape) - 1.0)
    level = cells.T.unflatten(1, grid)[None]
    expected = torch.tensor(place).clamp(cells.amin(dim=0), cells.amax(dim=0))
    assert torch.allclose(sample(level, torch.tensor([[place]]), shape)[0, 0], expected, atol=1e-4)


def test_a_token_says_what_is_seen_and_said() -> None:
    torch.manual_seed(0)
    tokens = PointTokens(8)
    level = torch.randn(1, 8, 4, 4, 4)
    points = [((3.0, 3.0, 3.0), True, "TC"), ((3.0, 3.0, 3.0), False, "TC"), ((3.0, 3.0, 3.0), True, "ET")]
    placed = place_prompts([PromptSet([*points, ((7.0, 3.0, 3.0), True, "TC")])], CPU)
    found = tokens(level, placed, (8, 8, 8))[0]
    assert torch.equal(found[:3], tokens.region_tokens)
    assert torch.allclose(found[3] - found[4], tokens.labels.weight[1] - tokens.labels.weight[0], atol=1e-5)
    assert torch.allclose(found[5] - found[3], tokens.regions.weight[2] - tokens.regions.weight[1], atol=1e-5)
    blank = tokens(torch.zeros_like(level), placed, (8, 8, 8))[0]
    assert not torch.allclose(found[6] - found[3], blank[6] - blank[3])
    assert not torch.allclose(blank[6], blank[3])


def test_distances_are_those_of_points_to_cells_and_regions_are_nowhere() -> None:
    two, none = PromptSet([((3.0, 3.0, 3.0), True, "WT"), ((0.0, 7.0, 1.0), False, "ET")]), PromptSet()
    found = Relations.of(place_prompts([two, none], CPU), (8, 8, 8), (4, 4, 4))
    assert found.distance.shape == (2, 5, 64) and not found.distance[:, :3].any()
    cells = cell_positions((8, 8, 8), (4, 4, 4), CPU)
    assert torch.allclose(found.distance[0, 4], torch.cdist(cells, torch.tensor([[0.0, 7.0, 1.0]]))[:, 0] ** 2)
    assert found.absent.tolist() == [[False] * 5, [False] * 3 + [True] * 2]
