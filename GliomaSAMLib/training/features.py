"""What training reads of a case: images, labels and frozen embeddings, computed once or for each crop."""

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..data.cases import Case
from ..data.doubts import doubts_of, told_by_doubt
from ..errors import CaseError, OutputError
from ..files import make_private_folder, replacing
from ..models.device import autocast
from ..models.encoders.base import SliceEncoder
from ..models.slice_stack import StackLayout, embed_slice, pad_to
from ..regions import REGIONS, regions_from_labels
from ..study import MODALITIES

SLICES_AT_ONCE = {"cpu": 4}
"""Slices that the frozen encoder takes at once, by kind of device; elsewhere 128."""


class CropEmbedding:
    """From crops to the stacks of their slices' embeddings, without gradients.

    Slices lie in a crop as in a whole case: evenly spread over its depth, scaled to the layout's pixels. No module, so
    that neither the checkpoint nor the other processes see the encoder.

    Args:
        encoder: The frozen encoder, on the device of the crops.
        layout: Which slices are embedded.
    """

    def __init__(self, encoder: SliceEncoder, layout: StackLayout) -> None:
        self.encoder = encoder
        self.layout = layout

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, present: np.ndarray) -> torch.Tensor:
        """Embed a crop's images (M, K, J, I) as float32 (M, C, z, y, x); what is not `present`, bool (M,), as 0.

        Values above 1, which augmentation makes, are those of the brightest that the encoder knows.
        """
        k, j, i = images.shape[1:]
        there, planes = np.flatnonzero(present).tolist(), self.layout.indices(k)
        size = self.layout.pixels((j, i), self.encoder.pixel_multiple)
        slices = torch.stack([images[m, plane] for m in there for plane in planes])[:, None].clamp(0, 1)
        slices = F.interpolate(slices, size=size, mode="bilinear", align_corners=False, antialias=True)
        at_once = SLICES_AT_ONCE.get(images.device.type, 128)
        found = torch.cat([self.encoder(some).float() for some in slices.split(at_once)])
        stacks = found.unflatten(0, (len(there), len(planes))).transpose(1, 2)  # present x C x z x y x x
        whole = torch.zeros((len(present), *stacks.shape[1:]), device=images.device)
        for n, m in enumerate(there):
            whole[m] = stacks[n]
        return whole


MULTIPLE = 16
"""Sides of a case are padded to multiples of so many mm."""

BLOCKS, BLOCK = 64, 4096
"""So many blocks of so many bytes tell one volume from another."""

VERSION = 4
"""To be raised when a case's features change though its files do not; then what is cached is computed anew."""


@dataclass(frozen=True)
class CaseFeatures:
    """A case on its canonical 1 mm grid, padded to multiples of 16.

    Its large arrays are mapped from the cached file: the system reads what is looked at, and lets go of it where memory
    is wanted for something else, so that there may be far more cases than memory.

    Args:
        name: Name of the case.
        images: uint8 (M, K, J, I), 255 at the upper percentile.
        present: bool (M,).
        regions: uint8 (K, J, I), the number of nested regions that hold a voxel: 0 none, 1 WT, 2 TC, 3 ET.
        brain: Shape (K, J, I) before padding.
        embeddings: float16 (M, C, z, y, x) over the padded box, or None without an encoder.
        known: The regions that the label tells, WT among them; what `regions` says of others means nothing.
        doubts: What is not certain of its volumes and labels, see `doubts_of`.
    """

    name: str
    images: np.ndarray
    present: np.ndarray
    regions: np.ndarray
    brain: tuple[int, int, int]
    embeddings: np.ndarray | None
    known: tuple[str, ...] = REGIONS
    doubts: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the large arrays."""
        arrays = (self.images, self.regions, self.embeddings)
        return sum(array.nbytes for array in arrays if array is not None)


def case_features(
    case: Case,
    encoder: SliceEncoder | None,
    layout: StackLayout,
    cache: Path,
    device: torch.device,
    cancel: Callable[[], None] = lambda: None,
) -> CaseFeatures:
    """Map `case` from `cache`, computed before if need be.

    What is cached is bound to names, sizes, times and contents of the case's files, to the encoder's weights and to
    `layout`; of long files parts are looked at. When one of them changes, or the cached file is damaged, the case is
    computed anew.

    Args:
        case: The case.
        encoder: The frozen encoder on `device`, or None.
        layout: Which slices are embedded.
        cache: Folder of the cached files; made when it is not there.
        device: Where to compute.
        cancel: Called between slices; may raise.

    Raises:
        StudyError: A volume cannot be used.
        CaseError: The labels cannot be used.
        OutputError: The cache cannot be written.
    """
    path = cache / f"{case.name}-{_key(case, encoder, layout)}.safetensors"
    if (stored := _stored(case, path)) is not None:
        return stored
    features = _compute(case, encoder, layout, device, cancel)
    try:
        shared = make_private_folder(cache)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"the folder {cache} for features cannot be made: {reason}: choose another cache") from error
    if shared:
        warnings.warn(shared, RuntimeWarning, stacklevel=2)
    _store(features, path)
    return _stored(case, path) or features


def tell_doubts(cases: Sequence[CaseFeatures], tell: Callable[[str], None]) -> None:
    """Tell what is not certain of these cases, a line for each kind of doubt."""
    for line in told_by_doubt({case.name: case.doubts for case in cases}):
        tell(line)


_ARRAYS = ("images", "present", "regions", "embeddings")
_WORDS = ("brain", "known", "doubts")


def _store(features: CaseFeatures, path: Path) -> None:
    """Write a case to a file. Raises OutputError when that fails."""
    arrays = {name: torch.from_numpy(value) for name in _ARRAYS if (value := getattr(features, name)) is not None}
    words = {name: json.dumps(getattr(features, name)) for name in _WORDS}
    content = save(arrays, words)
    with replacing(path, durable=False, private=True) as temporary:
        temporary.write_bytes(content)


def _stored(case: Case, path: Path) -> CaseFeatures | None:
    """What is cached in a file, mapped; None when it is not there or damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as stored:
            words = {name: tuple(json.loads(text)) for name, text in (stored.metadata() or {}).items()}
            arrays = {name: stored.get_tensor(name).numpy() for name in stored.keys()}  # noqa: SIM118 - no mapping
        return CaseFeatures(name=case.name, **{"embeddings": None, **arrays, **words})
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        warnings.warn(f"the cached features {path} are damaged ({error}) and are computed anew", stacklevel=3)
        return None


def _key(case: Case, encoder: SliceEncoder | None, layout: StackLayout) -> str:
    inside = sorted(path for path in case.folder.rglob("*") if path.is_file())  # a link to nothing is none
    stats = [(path.relative_to(case.folder).as_posix(), path.stat(), path) for path in inside]
    files = [(name, status.st_size, status.st_mtime_ns, _digest(path, case)) for name, status, path in stats]
    base = encoder.fingerprint if encoder is not None else None
    order = (case.order,) if case.order else ()
    return hashlib.sha256(json.dumps([VERSION, files, base, asdict(layout), *order]).encode()).hexdigest()[:16]


def _digest(path: Path, case: Case) -> str:
    """SHA-256 of a file of a case: of all of its label map, of `BLOCKS` blocks of any other; "" where it cannot be
    read.
    """
    digest = hashlib.sha256()
    with contextlib.suppress(OSError), path.open("rb") as file:
        if path == case.labels:
            return hashlib.file_digest(file, lambda: digest).hexdigest()
        for start in np.linspace(0, max(path.stat().st_size - BLOCK, 0), BLOCKS).astype(int):
            file.seek(int(start))
            digest.update(file.read(BLOCK))
        return digest.hexdigest()
    return ""


def _compute(
    case: Case,
    encoder: SliceEncoder | None,
    layout: StackLayout,
    device: torch.device,
    cancel: Callable[[], None],
) -> CaseFeatures:
    study = case.read_study()
    canonical: Mapping[str, np.ndarray] = study.canonical.images
    told = case.read_label_map(study)
    if "WT" not in told.known:
        raise CaseError(f"{case.labels} does not tell the whole tumour, which training needs: outline it, or remove it")
    labels = study.to_canonical(told.labels)
    images = np.zeros((len(MODALITIES), *labels.shape), np.uint8)
    for modality, image in canonical.items():
        images[MODALITIES.index(modality)] = np.round(image * 255)
    images = pad_to(images, MULTIPLE)
    present = np.array([modality in canonical for modality in MODALITIES])
    embeddings = None
    if encoder is not None:
        shape = layout.shape(images.shape[1:], encoder)
        embeddings = np.zeros((len(MODALITIES), encoder.channels, *shape), np.float16)
        for m in np.flatnonzero(present):
            for z, k in enumerate(layout.indices(images.shape[1])):
                cancel()
                with autocast(device):
                    slice_ = torch.from_numpy(images[m, k].astype(np.float32) / 255).to(device)
                    embeddings[m, :, z] = embed_slice(encoder, layout, slice_).float().cpu().numpy()
    regions = pad_to(regions_from_labels(labels).sum(axis=0).astype(np.uint8), MULTIPLE)
    known = told.known if told.labels.any() else REGIONS  # where there is no tumour, there is no core
    return CaseFeatures(case.name, images, present, regions, labels.shape, embeddings, known, doubts_of(study, told))
