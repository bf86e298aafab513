"""The slab that is decoded lies on a lattice, and grows where the tumour reaches out of it."""

import numpy as np

from GliomaSAMLib.session.roi import BORDER_MM, LATTICE, Slab


def test_without_prompts_it_is_the_whole_volume() -> None:
    assert Slab.around([], 160) == Slab(0, 160, 160)


def test_it_holds_the_prompts_with_room_on_both_sides() -> None:
    for k in (80.0, 81.0, 79.5):
        slab = Slab.around([k], 320)
        assert slab.start % LATTICE == 0 and slab.stop % LATTICE == 0
        assert k - slab.start >= 56 and slab.stop - k >= 56
        assert slab.stop - slab.start <= 192


def test_it_stays_in_the_volume() -> None:
    assert Slab.around([2.0], 160).start == 0
    assert Slab.around([158.0], 160).stop == 160


def test_it_grows_only_where_the_mask_comes_near_an_open_end() -> None:
    slab = Slab(32, 144, 320)
    mask = np.zeros((112, 4, 4), bool)
    mask[50] = True
    assert slab.grown(mask) == slab
    mask[BORDER_MM - 1] = True
    assert slab.grown(mask) == Slab(0, 144, 320)
    mask[-1] = True
    assert slab.grown(mask) == Slab(0, 176, 320)
    assert Slab.whole(112).grown(mask) == Slab.whole(112)


def test_a_slab_that_is_most_of_the_volume_is_the_whole() -> None:
    assert Slab.around([80.0], 160) == Slab.whole(160)
    mask = np.ones((96, 4, 4), bool)
    assert Slab(0, 96, 160).grown(mask) == Slab.whole(160)
