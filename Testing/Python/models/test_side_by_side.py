import threading
import time
from collections.abc import Iterator

import pytest
import torch

from GliomaSAMLib.models.side_by_side import side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_answers_keep_their_order_and_two_pieces_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)  # breaks unless two threads come to it

    def work(piece: int) -> int:
        meeting.wait()
        return piece**2

    done: list[int] = []
    assert side_by_side(work, range(6), CPU, lambda: done.append(threading.get_ident())) == [0, 1, 4, 9, 16, 25]
    assert done == [threading.get_ident()] * 6


def test_each_piece_has_one_thread_and_the_caller_gets_its_own_back() -> None:
    assert side_by_side(lambda piece: torch.get_num_threads(), range(4), CPU) == [1] * 4
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_modes_of_the_caller_hold(inference: bool, mixed: bool) -> None:
    weights = torch.nn.Linear(4, 4)

    def work(piece: torch.Tensor) -> tuple[bool, torch.dtype]:
        answer = weights(piece)
        return answer.is_inference(), answer.dtype

    with torch.inference_mode(inference), torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        answers = side_by_side(work, [torch.ones(1, 4)] * 3, CPU)
    assert answers == [(inference, torch.bfloat16 if mixed else torch.float32)] * 3


def test_without_gradients_there_are_none() -> None:
    weights = torch.nn.Linear(4, 4)
    with torch.no_grad():
        assert not any(side_by_side(lambda x: weights(x).requires_grad, [torch.ones(1, 4)] * 3, CPU))
    assert all(side_by_side(lambda x: weights(x).requires_grad, [torch.ones(1, 4)] * 3, CPU))


def test_who_listens_can_end_it() -> None:
    begun: list[int] = []

    def work(piece: int) -> None:
        begun.append(piece)
        time.sleep(0.05)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        side_by_side(work, range(100), CPU, stop)
    assert len(begun) < 20 and torch.get_num_threads() == 2


def test_an_error_of_a_piece_reaches_the_caller() -> None:
    def work(piece: int) -> int:
        if piece == 1:
            raise ValueError("piece 1")
        return piece

    with pytest.raises(ValueError, match="piece 1"):
        side_by_side(work, range(5), CPU)
    assert torch.get_num_threads() == 2


def test_with_one_thread_all_is_done_in_the_callers() -> None:
    torch.set_num_threads(1)
    assert set(side_by_side(lambda piece: threading.get_ident(), range(3), CPU)) == {threading.get_ident()}


def test_a_graphics_card_takes_one_after_the_other() -> None:
    names = set(side_by_side(lambda piece: threading.get_ident(), range(3), torch.device("cuda")))
    assert names == {threading.get_ident()}


def test_nothing_to_do() -> None:
    assert side_by_side(lambda piece: piece, [], CPU) == []
