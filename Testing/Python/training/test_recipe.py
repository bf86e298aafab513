"""The trainings of papers: what they change, and what stays the user's."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.registry import METHODS
from GliomaSAMLib.training import LossConfig, TrainOptions
from GliomaSAMLib.training.recipe import PUBLISHED, as_published, for_clicks, with_recipe
from GliomaSAMLib.training.step import segmentation_loss

OPTIONS = TrainOptions(Path("cases"), Path("run"), steps=7, seed=3, loss=LossConfig(new_error_weight=2.0))


def test_ma_sam_is_trained_as_its_code_does() -> None:
    options = as_published(replace(OPTIONS, method="ma_sam"))
    assert (options.learning_rate, options.weight_decay, options.warmup, options.power) == (8e-4, 0.1, 250, 7.0)
    assert (options.steps, options.seed, options.loss.new_error_weight) == (7, 3, 2.0)
    assert options.one_rate and not OPTIONS.one_rate
    assert options.method_config().method == "ma_sam"


def test_what_is_not_known_stays_as_it_is() -> None:
    assert PUBLISHED.keys() < METHODS.keys()
    for method in METHODS.keys() - PUBLISHED.keys():
        options = replace(OPTIONS, method=method)
        assert as_published(options) == options


def test_the_loss_is_a_fifth_cross_entropy_and_the_rest_dice_wherever_clicks_lie() -> None:
    logits, truth = torch.randn(1, 3, 8, 8, 8), (torch.rand(1, 3, 8, 8, 8) > 0.5).float()
    maps = torch.zeros(1, 21, 4, 4, 4)
    loss = as_published(replace(OPTIONS, method="cmaa", loss=LossConfig())).loss
    both = float(segmentation_loss(logits, truth, maps, loss))
    dice = float(segmentation_loss(logits, truth, maps, replace(loss, entropy=0.0)))
    entropy = float(torch.nn.functional.binary_cross_entropy_with_logits(logits, truth))
    assert both == pytest.approx(dice + 0.2 * entropy, rel=1e-5)
    clicked = maps.clone()
    clicked[:, 6:12, 1, 2, 3] = 1
    assert float(segmentation_loss(logits, truth, clicked, loss)) == pytest.approx(both)


def test_the_recipe_for_clicks_is_for_methods_that_are_given_the_answer_before() -> None:
    options = for_clicks(replace(OPTIONS, method="gliomasam"))
    assert options.method_config().previous == "answer"
    assert (options.clicks.users, options.loss.new_error_weight) == (OPTIONS.clicks.users, 3.0)
    with pytest.raises(ModelError, match=r"the recipe clicks is for methods that are given the answer before, .* csad"):
        for_clicks(replace(OPTIONS, method="csad"))


def test_the_user_is_told_where_a_recipe_has_nothing_for_a_method() -> None:
    said: list[str] = []
    for recipe, method in (("ours", "csad"), ("published", "cmaa"), ("published", "csad")):
        with_recipe(recipe, replace(OPTIONS, method=method), said.append)
    assert said == ["note: the recipe published knows nothing of csad, which is trained as with ours"]
