"""Devices: a name that does not exist, memory that does not suffice, and the number of threads."""

import importlib
import os
import threading
import time
from collections.abc import Iterator

import pytest
import torch

import GliomaSAMLib.models
from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models import device as device_module
from GliomaSAMLib.models.device import (
    autocast,
    autocast_dtype,
    available_devices,
    choose_device,
    device_memory,
    thread_count,
    thread_map,
    use_threads,
    with_fallback,
)

CPU = torch.device("cpu")

CARD = torch.device("cuda:0")


@pytest.fixture
def one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "available_devices", lambda: ("cuda:0", "cpu"))
    monkeypatch.setattr(device_module, "_works", lambda device: True)


def test_auto_is_the_first_device_that_works(one_card: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("auto") == CARD
    monkeypatch.setattr(device_module, "_works", lambda device: False)
    assert choose_device("auto") == CPU


def test_the_processor_is_always_there() -> None:
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in {"cuda", "mps", "cpu"}


def test_cuda_means_the_first_card(one_card: None) -> None:
    assert choose_device("cuda") == CARD


@pytest.mark.parametrize("name", ["cuda:1", "mps", "gpu", "", "cpu:0"])
def test_a_device_that_is_not_there_says_which_are(one_card: None, name: str) -> None:
    with pytest.raises(ModelError, match=rf"no device '{name}' here: choose auto or one of cuda:0, cpu"):
        choose_device(name)


def test_a_card_that_cannot_be_used_is_refused(one_card: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_works", lambda device: False)
    with pytest.raises(ModelError, match="cannot use it: choose cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), RuntimeError("MPS backend out of memory")],
)
def test_a_full_card_hands_over_to_the_processor(error: RuntimeError) -> None:
    ran: list[torch.device] = []
    told: list[str] = []

    def work(device: torch.device) -> str:
        ran.append(device)
        if device.type != "cpu":
            raise error
        return "done"

    assert with_fallback(CARD, work, told.append) == "done"
    assert ran == [CARD, CPU]
    assert len(told) == 1
    assert "cuda:0" in told[0]
    assert with_fallback(CARD, work) == "done"


def test_the_user_is_told_before_the_second_run() -> None:
    order: list[str] = []

    def work(device: torch.device) -> None:
        order.append(device.type)
        if device.type != "cpu":
            raise torch.OutOfMemoryError

    with_fallback(CARD, work, lambda message: order.append("told"))
    assert order == ["cuda", "told", "cpu"]


def test_work_that_succeeds_runs_once() -> None:
    ran: list[torch.device] = []
    with_fallback(CARD, ran.append)
    assert ran == [CARD]


@pytest.mark.parametrize("device", [CARD, CPU])
def test_another_error_is_passed_on(device: torch.device) -> None:
    ran: list[torch.device] = []

    def work(device: torch.device) -> None:
        ran.append(device)
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        with_fallback(device, work)
    assert ran == [device]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_of_the_computer_is_said(error: Exception) -> None:
    def work(device: torch.device) -> None:
        raise error

    with pytest.raises(ModelError, match="memory does not suffice"):
        with_fallback(CPU, work)


def test_the_real_allocator_is_recognised() -> None:
    with pytest.raises(ModelError, match="memory does not suffice"):
        with_fallback(CPU, lambda device: torch.empty(2**50, device=device))


def test_the_number_format_is_used_and_left_again() -> None:
    left, right = torch.rand(4, 4), torch.rand(4, 4)
    with autocast(CPU):
        assert (left @ right).dtype == autocast_dtype(CPU)
    assert (left @ right).dtype == torch.float32


def test_a_processor_without_the_instructions_stays_at_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert autocast_dtype(CPU) == torch.float32
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert autocast_dtype(CPU) == torch.bfloat16


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system does not tell its memory")
def test_memory_of_the_computer() -> None:
    memory = device_memory(CPU)
    assert memory.total is not None
    assert memory.total > 2**28
    assert memory.free is None or 0 < memory.free <= memory.total


@pytest.fixture
def keep_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_threads_follow_the_environment_and_the_cores(monkeypatch: pytest.MonkeyPatch, keep_threads: None) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    for text, expected in (("2", 2), ("64", 3), ("0", 3), ("many", 3), ("", 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert thread_count() == expected
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert thread_count() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert use_threads() == torch.get_num_threads() == 2


ONE_CPU = torch.device("cpu")


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
    assert thread_map(work, range(6), ONE_CPU, lambda: done.append(threading.get_ident())) == [0, 1, 4, 9, 16, 25]
    assert done == [threading.get_ident()] * 6


def test_each_piece_has_one_thread_and_the_caller_gets_its_own_back() -> None:
    assert thread_map(lambda piece: torch.get_num_threads(), range(4), ONE_CPU) == [1] * 4
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_modes_of_the_caller_hold(inference: bool, mixed: bool) -> None:
    weights = torch.nn.Linear(4, 4)

    def work(piece: torch.Tensor) -> tuple[bool, torch.dtype]:
        answer = weights(piece)
        return answer.is_inference(), answer.dtype

    with torch.inference_mode(inference), torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        answers = thread_map(work, [torch.ones(1, 4)] * 3, ONE_CPU)
    assert answers == [(inference, torch.bfloat16 if mixed else torch.float32)] * 3


def test_without_gradients_there_are_none() -> None:
    weights = torch.nn.Linear(4, 4)
    with torch.no_grad():
        assert not any(thread_map(lambda x: weights(x).requires_grad, [torch.ones(1, 4)] * 3, ONE_CPU))
    assert all(thread_map(lambda x: weights(x).requires_grad, [torch.ones(1, 4)] * 3, ONE_CPU))


def test_who_listens_can_end_it() -> None:
    begun: list[int] = []

    def work(piece: int) -> None:
        begun.append(piece)
        time.sleep(0.05)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        thread_map(work, range(100), ONE_CPU, stop)
    assert len(begun) < 20 and torch.get_num_threads() == 2


def test_an_error_of_a_piece_reaches_the_caller() -> None:
    def work(piece: int) -> int:
        if piece == 1:
            raise ValueError("piece 1")
        return piece

    with pytest.raises(ValueError, match="piece 1"):
        thread_map(work, range(5), ONE_CPU)
    assert torch.get_num_threads() == 2


def test_with_one_thread_all_is_done_in_the_callers() -> None:
    torch.set_num_threads(1)
    assert set(thread_map(lambda piece: threading.get_ident(), range(3), ONE_CPU)) == {threading.get_ident()}


def test_a_graphics_card_takes_one_after_the_other() -> None:
    names = set(thread_map(lambda piece: threading.get_ident(), range(3), torch.device("cuda")))
    assert names == {threading.get_ident()}


def test_nothing_to_do() -> None:
    assert thread_map(lambda piece: piece, [], ONE_CPU) == []


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_torch_is_asked_for_large_pages_unless_the_user_says_no(
    before: str | None, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", before or "")
    if before is None:
        monkeypatch.delenv("THP_MEM_ALLOC_ENABLE")
    importlib.reload(GliomaSAMLib.models)
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == after
