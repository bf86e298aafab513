"""Real MRML nodes of known content: volumes and segmentations on any grid, under any transform."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from user.quick import draw

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, prompt_voxels
from GliomaSAMLib.regions import REGIONS, implied_regions
from GliomaSAMLib.session import Prediction, Request
from GliomaSAMLib.session.masks import PackedMasks
from GliomaSAMLib.study.modalities import REFERENCE_ORDER


@pytest.fixture
def grid() -> Geometry:
    """18 x 16 x 14 voxels, oblique and anisotropic."""
    turn = Rotation.from_euler("xyz", [10, -15, 20], degrees=True).as_matrix()
    return Geometry((18, 16, 14), (1.0, 1.25, 2.0), (-7.0, 12.0, 5.0), tuple(tuple(row) for row in turn))


@pytest.fixture
def nested(grid: Geometry) -> dict[str, np.ndarray]:
    """WT, TC and ET as boxes in each other, no two sides alike."""
    masks = {region: np.zeros(grid.shape, np.uint8) for region in ("WT", "TC", "ET")}
    masks["WT"][2:11, 3:13, 2:15] = 1
    masks["TC"][3:9, 4:10, 4:12] = 1
    masks["ET"][4:7, 5:8, 5:10] = 1
    return masks


def vtk_matrix(array: np.ndarray) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, float).ravel())
    return matrix


@pytest.fixture
def add_volume(mrml_scene: Any) -> Callable[..., Any]:
    """A function that adds a scalar volume of an array (K, J, I) and a matrix from its voxels to RAS mm."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    def add(array: np.ndarray, matrix: np.ndarray, name: str = "volume", kind: str = "vtkMRMLScalarVolumeNode") -> Any:
        image = vtk.vtkImageData()
        image.SetDimensions(array.shape[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True))
        volume_node = mrml_scene.AddNewNodeByClass(kind, name)
        volume_node.SetIJKToRASMatrix(vtk_matrix(matrix))
        volume_node.SetAndObserveImageData(image)
        return volume_node

    return add


@pytest.fixture
def put_under(mrml_scene: Any) -> Callable[[Any, np.ndarray], Any]:
    """A function that puts a node under a new linear transform."""

    def put(node: Any, matrix: np.ndarray) -> Any:
        transform_node = mrml_scene.AddNewNodeByClass("vtkMRMLTransformNode", "moved")
        transform_node.SetMatrixTransformToParent(vtk_matrix(matrix))
        node.SetAndObserveTransformNodeID(transform_node.GetID())
        return transform_node

    return put


@pytest.fixture
def segmentation(mrml_scene: Any) -> Any:
    """An empty segmentation node that is shown."""
    from GliomaSAMLib.slicer.segments.writer import new_segmentation

    return new_segmentation(mrml_scene, "tumour")


@pytest.fixture
def voxels_of() -> Callable[[Any, str], np.ndarray]:
    """A function that gives the RAS mm in the world (N, 3) of a segment's voxels, by Slicer's own words only."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    def voxels(segmentation_node: Any, segment_id: str) -> np.ndarray:
        import slicer

        image = slicer.vtkOrientedImageData()
        segmentation_node.GetBinaryLabelmapRepresentation(segment_id, image)
        scalars = image.GetPointData().GetScalars()
        if scalars is None or image.GetNumberOfPoints() == 0:
            return np.zeros((0, 3))
        i0, i1, j0, j1, k0, k1 = image.GetExtent()
        held = np.argwhere(vtk_to_numpy(scalars).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1))
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        found = []
        for k, j, i in held:
            local = matrix.MultiplyPoint((i + i0, j + j0, k + k0, 1))[:3]
            world = [0.0, 0.0, 0.0]
            segmentation_node.TransformPointToWorld(local, world)
            found.append(world)
        return np.array(found).reshape(-1, 3)

    return voxels


# the engine, with a study, a model and a predictor that are simple and can be held up


class World:
    """What the worker meets in place of volumes, model and predictor; counts what was asked of it.

    A kind of work ("read", "load", "encode", "update") in `held` goes on only when it is taken out or cancelled, one in
    `failing` raises. A number in `held` holds up an update at the answer to so many prompts; `prefixes` are the
    prompts that were answered, one after the other, to come to the answers in `answered`.
    """

    def __init__(self, grid: Geometry) -> None:
        self.grid = grid
        self.calls: list[str] = []
        self.answered: list[tuple[Prompt, ...]] = []
        self.prefixes: list[tuple[Prompt, ...]] = []
        self.held: set[str | int] = set()
        self.failing: dict[str, Exception] = {}
        self.threads: set[int] = set()

    def work(self, kind: str, progress: Any = None, cancel: Any = None) -> None:
        self.calls.append(kind)
        self.threads.add(threading.get_ident())
        if kind in self.failing:
            raise self.failing[kind]
        self.wait(kind, cancel)
        if progress is not None:
            progress(0.5, f"{kind} half done")

    def wait(self, what: str | int, cancel: Any) -> None:
        while what in self.held and not (cancel is not None and cancel()):
            time.sleep(0.001)
        if cancel is not None and cancel():
            raise Cancelled("stopped")

    def read_study(self, *, register: bool, skull: str, progress: Any, cancel: Any, **images: Any) -> Any:
        self.work("read", progress, cancel)
        grid = Geometry.of_image(next(iter(images.values())))
        notes = (f"read {', '.join(images)}",)
        chosen = next(modality for modality in REFERENCE_ORDER if modality in images)
        brain = np.ones(grid.shape, bool)
        found = {"brain": brain, "brain_is_cut_out": False}
        return SimpleNamespace(reference=grid, notes=notes, reference_modality=chosen, modalities=(), **found)

    def load(self, name: str, device: str) -> Any:
        self.work("load")
        return SimpleNamespace(name=name, on_fallback=None, weights_sha256=f"the SHA-256 of {name}")

    def new_predictor(self, study: Any, model: Any, cache: Any, on_note: Any) -> Any:
        return PlainPredictor(self, study, model.weights_sha256)


class PlainPredictor:
    """Answers prompts with balls round the clicks, boxes as they are, and masks by hand."""

    def __init__(self, world: World, study: Any, weights: str) -> None:
        self.world = world
        self.study = study
        self.weights = weights
        self.known: set[tuple[Prompt, ...]] = set()

    def encode(self, progress: Any = None, cancel: Any = None) -> None:
        self.world.work("encode", progress, cancel)

    def predict(self, request: Request, progress: Any = None, cancel: Any = None) -> Prediction:
        prompts = request.prompts
        self.world.work("update", progress, cancel)
        for prefix in (prompts[:number] for number in range(len(prompts) + 1)):
            if prefix not in self.known:
                self.world.wait(len(prefix), cancel)
                self.known.add(prefix)
                self.world.prefixes.append(prefix)
        self.world.answered.append(prompts)
        return Prediction(prompts, PackedMasks.of(plain_answer(prompts, self.study.reference)), self.weights)

    def probability(self, request: Request, region: str, progress: Any = None, cancel: Any = None) -> np.ndarray:
        mask = plain_answer(request.prompts, self.study.reference)[region]
        return np.where(mask, 0.9, 0.4).astype(np.float32)


def plain_answer(prompts: tuple[Prompt, ...], grid: Geometry) -> dict[str, np.ndarray]:
    """Masks uint8 (K, J, I) of a `PlainPredictor`; without prompts one voxel, its proposal."""
    k, j, i = np.indices(grid.shape)
    ras = grid.to_ras(np.stack([i, j, k], axis=-1))
    masks = {region: np.zeros(grid.shape, np.uint8) for region in REGIONS}
    if not prompts:
        masks["WT"][0, 0, 0] = 1
    for prompt in prompts:
        if prompt.mask is not None:
            draw(masks, prompt)
        elif prompt.kind == "box":
            masks[prompt.region][tuple(prompt_voxels(prompt, grid).T)] = 1
        else:
            for region in implied_regions(prompt.region, prompt.positive):
                near = np.min([((ras - place) ** 2).sum(-1) for place in prompt.points], axis=0) < 3.1**2
                masks[region][near] = prompt.positive
    masks["TC"] &= masks["WT"]
    masks["ET"] &= masks["TC"]
    return masks


class Panel:
    """A listener that remembers what it was told, and insists on the main thread."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.progressed: list[tuple[float | None, str]] = []
        self.changes = self.shown = 0
        self._thread = threading.get_ident()

    def progress(self, fraction: float | None, text: str) -> None:
        assert threading.get_ident() == self._thread
        self.progressed.append((fraction, text))

    def message(self, text: str, kind: str) -> None:
        assert threading.get_ident() == self._thread
        self.messages.append((kind, text))

    def modelChanged(self) -> None:
        assert threading.get_ident() == self._thread

    def changed(self, task: Any) -> None:
        assert threading.get_ident() == self._thread
        self.changes += 1

    def results(self, task: Any) -> None:
        assert threading.get_ident() == self._thread
        self.shown += 1

    def told(self, kind: str) -> str:
        return " | ".join(text for other, text in self.messages if other == kind)


@pytest.fixture
def plain() -> Callable[..., dict[str, np.ndarray]]:
    """The function that gives the masks of the simple session for prompts on a grid."""
    return plain_answer


@pytest.fixture
def world(grid: Geometry) -> World:
    return World(grid)


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def engine(mrml_scene: Any, world: World, panel: Panel) -> Iterator[Any]:
    """An engine in the simple world. No thread may be left behind by it."""
    from GliomaSAMLib.slicer.engine import Engine

    before = set(threading.enumerate())
    made = Engine(
        panel, load=world.load, read_study=world.read_study, new_predictor=world.new_predictor, cache=None
    )  # fmt: skip
    yield made
    world.held.clear()
    assert made.close(5)
    assert set(threading.enumerate()) <= before
    assert "unexpected" not in panel.told("error")


@pytest.fixture
def run_until(engine: Any) -> Callable[..., None]:
    """A function that lets the engine work until something holds, as the panel's timer does; by default until idle."""

    def run(condition: Callable[[], bool] | None = None, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        engine.collect()
        while not (condition() if condition is not None else not engine.busy):
            assert time.monotonic() < until, "not in time"
            time.sleep(0.002)
            engine.collect()
        engine.collect()

    return run


@pytest.fixture
def t1_node(add_volume: Callable[..., Any], grid: Geometry) -> Any:
    """A volume on the grid."""
    values = np.random.default_rng(0).integers(1, 900, grid.shape).astype(np.int16)
    return add_volume(values, grid.ijk_to_ras, "t1")


@pytest.fixture
def place(grid: Geometry) -> Callable[..., tuple[float, ...]]:
    """A function from voxel indices (I, J, K) to RAS mm."""
    return lambda *ijk: tuple(float(value) for value in grid.to_ras(np.asarray(ijk)))


@pytest.fixture
def task(engine: Any, segmentation: Any, t1_node: Any, run_until: Callable[..., None]) -> Any:
    """The task of an empty segmentation whose volume has been read."""
    made = engine.task(segmentation)
    assert made.set_volumes({"t1": t1_node})
    run_until()
    assert made.phase == "ready"
    return made


@pytest.fixture
def shown(segmentation: Any, task: Any) -> Callable[[], dict[str, np.ndarray]]:
    """A function that gives the masks, uint8 (K, J, I), that the segments really hold."""
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    def read() -> dict[str, np.ndarray]:
        writer = SegmentWriter(segmentation, task.geometry)
        found = {region: writer.read(region) for region in REGIONS}
        return {r: np.zeros(task.geometry.shape, np.uint8) if mask is None else mask for r, mask in found.items()}

    return read


@pytest.fixture
def writer(segmentation: Any, grid: Geometry) -> Any:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    return SegmentWriter(segmentation, grid)


@pytest.fixture
def add_segment(segmentation: Any, grid: Geometry) -> Callable[..., str]:
    """A function that adds a segment of somebody else, by default sharing a layer with those that are there."""

    def add(name: str, mask: np.ndarray) -> str:
        from GliomaSAMLib.slicer.segments.node import Block, add_voxels

        segment_id = segmentation.GetSegmentation().AddEmptySegment(name, name)
        add_voxels(segmentation, segment_id, Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), mask > 0)
        return str(segment_id)

    return add


@pytest.fixture
def add_editor(mrml_scene: Any, segmentation: Any) -> Callable[[], Any]:
    """A function that adds the settings of a Segment Editor that edits the segmentation."""

    def add() -> Any:
        node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        node.SetAndObserveSegmentationNode(segmentation)
        return node

    return add


@pytest.fixture
def content(segmentation: Any, grid: Geometry) -> Callable[[str], np.ndarray]:
    """A function that gives what a segment holds, uint8 (K, J, I) on `grid`."""
    from GliomaSAMLib.slicer.segments.node import read_segment

    return lambda segment_id: read_segment(segmentation, segment_id, grid.ijk_to_ras, grid.shape)


@pytest.fixture
def box(grid: Geometry) -> Callable[..., np.ndarray]:
    """A function from the ranges of K, J and I to a mask on `grid`."""

    def draw(*ranges: tuple[int, int]) -> np.ndarray:
        mask = np.zeros(grid.shape, np.uint8)
        mask[tuple(slice(*pair) for pair in ranges)] = 1
        return mask

    return draw
