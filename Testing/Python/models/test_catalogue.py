"""The catalogue: what it lists is true, files are found, imported and fetched only when asked."""

import hashlib
import json
from pathlib import Path

import pytest

from GliomaSAMLib.errors import ModelError, OutputError, WeightsError
from GliomaSAMLib.files import resources_directory
from GliomaSAMLib.models import METHODS, load_model
from GliomaSAMLib.models import catalogue as catalogue_module
from GliomaSAMLib.models.catalogue import find_base, find_entry, find_weights, import_weights, list_models
from GliomaSAMLib.models.weights import file_sha256

CONTENT = b"weights of a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def entry(name: str, url: str | None) -> dict[str, object]:
    return {
        "name": name,
        "file": f"weights/{name}.safetensors",
        "sha256": SHA256,
        "method": "gliomasam",
        "base": "lite_medsam",
        "url": url,
        "licence": "Apache-2.0",
        "training_cases": "none",
        "accuracy": {},
        "description": "A file of the tests.",
    }


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of weights, empty."""
    folder = tmp_path / "own"
    monkeypatch.setenv("GLIOMASAM_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def catalogue(tmp_path: Path, own: Path) -> Path:
    """A catalogue of one model that ships with GliomaSAM and one that is fetched from a file beside."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "remote.safetensors").write_bytes(CONTENT)
    path = tmp_path / "Resources" / "catalogue.json"
    path.parent.mkdir()
    url = "https://weights.invalid/remote.safetensors"
    path.write_text(json.dumps({"models": [entry("shipped", None), entry("remote", url)]}))
    return path


def test_every_file_that_ships_is_the_one_listed() -> None:
    entries = list_models()
    assert len({entry.name for entry in entries}) == len(entries)
    for listed in entries:
        if not listed.file:
            assert listed.method in METHODS and not listed.sha256
            continue
        assert len(listed.sha256) == 64
        path = resources_directory() / listed.file
        assert path.is_file() or listed.url, f"{listed.name} neither ships nor has an address"
        if path.is_file():
            assert file_sha256(path) == listed.sha256
            assert path.stat().st_size <= 16e6


def test_a_model_without_a_file_says_how_it_is_trained() -> None:
    with pytest.raises(
        WeightsError,
        match=r"'segresnet' do not come with GliomaSAM: train it with `gliomasam train CASES --output runs/segresnet "
        r"--method segresnet`, and give the path of .* runs/segresnet/segresnet\.safetensors, as the model",
    ):
        load_model("segresnet", device="cpu")


def test_a_name_of_before_is_the_model_of_today() -> None:
    assert find_entry("gliomasam_adapted") == find_entry("gliomasam")
    assert find_weights("gliomasam_adapted") == find_weights("gliomasam")
    model = load_model("gliomasam_adapted", device="cpu")
    assert model.name == "gliomasam" and model.config == METHODS["gliomasam"].config
    assert model.weights_sha256 == find_entry("gliomasam").sha256


def test_a_shipped_file_is_found(catalogue: Path) -> None:
    path = catalogue.parent / "weights" / "shipped.safetensors"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert find_weights("shipped", catalogue=catalogue) == (path, SHA256)


def test_a_path_is_taken_as_it_is(tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"x")
    assert find_weights(path, catalogue=catalogue) == (path, None)
    assert find_weights(str(path), catalogue=catalogue) == (path, None)
    for absent in (tmp_path / "absent", "absent.safetensors", "folder/absent"):
        with pytest.raises(WeightsError, match=r"there is no weights file .*absent"):
            find_weights(absent, catalogue=catalogue)


def test_an_unknown_name_lists_the_known(catalogue: Path) -> None:
    with pytest.raises(ModelError, match="no model 'sharp': choose one of shipped, remote"):
        find_weights("sharp", catalogue=catalogue)
    assert find_entry("remote", catalogue).base == "lite_medsam"


def test_a_missing_file_says_what_was_expected_where(catalogue: Path, own: Path) -> None:
    with pytest.raises(WeightsError, match=rf"{catalogue.parent}.*{SHA256}, found none. Install"):
        find_weights("shipped", catalogue=catalogue)
    with pytest.raises(WeightsError, match=rf"{own}.*{SHA256}, found none. Download them from https://weights"):
        find_weights("remote", catalogue=catalogue)


def test_nothing_is_fetched_without_being_asked(catalogue: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(catalogue_module.pooch, "retrieve", refuse)
    with pytest.raises(WeightsError):
        find_weights("remote", catalogue=catalogue)
    assert not own.exists()


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answers downloads with a file of this folder instead of the network; pooch itself is the real one."""
    source = tmp_path / "server" / "remote.safetensors"

    def download(url: str, output_file: str, pooch: object) -> None:
        Path(output_file).write_bytes(source.read_bytes())

    monkeypatch.setattr("pooch.core.choose_downloader", lambda url, progressbar=False: download)
    return source


def test_a_download_is_checked_and_kept(catalogue: Path, own: Path, serve: Path) -> None:
    expected = (own / "remote.safetensors", SHA256)
    assert find_weights("remote", download=True, catalogue=catalogue) == expected
    assert expected[0].read_bytes() == CONTENT
    serve.unlink()
    assert find_weights("remote", catalogue=catalogue) == expected


def test_a_damaged_download_leaves_nothing(catalogue: Path, own: Path, serve: Path) -> None:
    serve.write_bytes(b"half of it")
    with pytest.raises(WeightsError, match=rf"could not be downloaded from https.*{SHA256}"):
        find_weights("remote", download=True, catalogue=catalogue)
    assert list(own.iterdir()) == []


def test_a_damaged_file_is_fetched_anew(catalogue: Path, own: Path, serve: Path) -> None:
    own.mkdir()
    path = own / "remote.safetensors"
    path.write_bytes(b"<html>no access</html>")
    assert find_weights("remote", catalogue=catalogue) == (path, SHA256)
    whole = serve.read_bytes()
    serve.write_bytes(b"<html>no access</html>")
    with pytest.raises(WeightsError, match="could not be downloaded"):
        find_weights("remote", download=True, catalogue=catalogue)
    serve.write_bytes(whole)
    assert find_weights("remote", download=True, catalogue=catalogue) == (path, SHA256)
    assert path.read_bytes() == CONTENT and list(own.iterdir()) == [path]


def test_an_imported_copy_takes_the_place_of_a_damaged_file(tmp_path: Path, catalogue: Path, own: Path) -> None:
    shipped = catalogue.parent / "weights" / "shipped.safetensors"
    shipped.parent.mkdir()
    shipped.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(WeightsError, match=r"found a damaged or another file\. Install GliomaSAM again, or import"):
        find_weights("shipped", download=True, catalogue=catalogue)
    stick = tmp_path / "stick.bin"
    stick.write_bytes(CONTENT)
    import_weights(stick, catalogue)
    for download in (False, True):
        assert find_weights("shipped", download=download, catalogue=catalogue) == (own / shipped.name, SHA256)
    shipped.write_bytes(CONTENT)
    (own / shipped.name).write_bytes(b"of an earlier version")
    assert find_weights("shipped", catalogue=catalogue) == (shipped, SHA256)


def test_a_file_is_imported_by_its_hash(tmp_path: Path, catalogue: Path, own: Path) -> None:
    stick = tmp_path / "stick.bin"
    stick.write_bytes(CONTENT)
    catalogue.write_text(json.dumps({"models": [entry("remote", None)]}))
    assert import_weights(stick, catalogue).name == "remote"
    assert find_weights("remote", catalogue=catalogue) == (own / "remote.safetensors", SHA256)


def test_a_file_that_is_none_of_the_catalogue_is_not_imported(tmp_path: Path, catalogue: Path, own: Path) -> None:
    stick = tmp_path / "stick.bin"
    stick.write_bytes(CONTENT + b"!")
    found = hashlib.sha256(CONTENT + b"!").hexdigest()
    with pytest.raises(WeightsError, match=rf"stick.bin.*{SHA256}.*found {found}"):
        import_weights(stick, catalogue)
    assert not own.exists()


def test_a_weights_folder_that_cannot_be_made_is_reported(
    tmp_path: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    monkeypatch.setenv("GLIOMASAM_WEIGHTS", str(tmp_path / "file" / "below"))
    with pytest.raises(OutputError, match="GLIOMASAM_WEIGHTS"):
        import_weights(tmp_path / "file", catalogue)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"models": [{"name": "x"}]}', '{"models": 3}'])
def test_a_damaged_catalogue_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"catalogue\.json cannot be read"):
        list_models(path)


def test_a_field_with_an_endless_name_makes_no_endless_message(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps({"models": [{"x" * 10_000: 1}]}))
    with pytest.raises(ModelError, match=r"catalogue\.json cannot be read") as caught:
        list_models(path)
    assert len(str(caught.value)) < 1000


def test_an_imported_base_is_found_by_its_sha256(own: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.json"
    base = {**entry("sam", None), "method": "base", "file": "sam.pth"}
    catalogue.write_text(json.dumps({"models": [entry("other", None), base]}), encoding="utf-8")
    assert find_base(SHA256, catalogue) is None
    own.mkdir()
    (own / "sam.pth").write_bytes(CONTENT)
    assert find_base(SHA256, catalogue) == own / "sam.pth"
    assert find_base("0" * 64, catalogue) is None
    assert find_base(None, catalogue) is None
