"""`gliomasam segment` from files to files, and every bad input that the command line can see."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import SimpleITK as sitk
import typer
from typer.testing import CliRunner

from GliomaSAMLib import Session, load_model
from GliomaSAMLib.cli.segment import PromptCommand, TypedText, parse_box, parse_point, read_prompts, segment
from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import PromptHistory, point, scribble
from GliomaSAMLib.study import Study

INSIDE = (-30.0, -24.0, 20.0)
"""RAS mm of the middle of the tumour of `small_case`: voxel (30, 24, 20)."""

OUTSIDE = (-15.0, -24.0, 20.0)

BOX = "--box=-38,-32,12,-22,-16,28"


def at(ras: tuple[float, float, float], *more: str) -> str:
    return "--point=" + ",".join([*(f"{value:g}" for value in ras), *more])


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_a_label_map_on_the_grid_of_the_images(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.nii.gz"
    done = gliomasam(
        "segment", "--folder", small_case, "--model", untrained, "--output", out, "--device", "cpu", at(INSIDE),
        at(OUTSIDE, "-"), "--json", tmp_path / "report.json", "--picture", tmp_path / "picture.png",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    labels = read(out)
    assert Geometry.of_image(sitk.ReadImage(str(out))).matches(
        Geometry.of_image(sitk.ReadImage(str(small_case / "t1c.nii.gz")))
    )
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    assert labels[20, 24, 30] > 0
    assert labels[20, 24, 15] == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["volumes_ml"]["WT"] == pytest.approx(np.count_nonzero(labels) * 0.001, abs=1e-3)
    assert [prompt["positive"] for prompt in report["prompts"]["prompts"]] == [True, False]
    assert report["weights_sha256"] == hashlib.sha256(untrained.read_bytes()).hexdigest()
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert f"{report['volumes_ml']['WT']:.1f} mL" in done.out


def test_a_slicer_segmentation_from_two_volumes_and_prompts_of_a_file(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    PromptHistory((point(INSIDE, True, "ET"),)).save(tmp_path / "prompts.json")
    out = tmp_path / "out.seg.nrrd"
    done = gliomasam(
        "segment", "--flair", small_case / "flair.nii.gz", "--t1c", small_case / "t1c.nii.gz", "--model", untrained,
        "--output", out, "--prompts", tmp_path / "prompts.json",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    image = sitk.ReadImage(str(out))
    assert image.GetMetaData("Segment0_ID") == "WT"
    layers = sitk.GetArrayFromImage(image)
    assert layers[20, 24, 30].all()


def test_volumes_of_two_patients_need_the_word_of_the_user(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    for patient, name in (("patient-A", "t1c"), ("patient-B", "flair")):
        (tmp_path / "both" / patient).mkdir(parents=True)
        shutil.copy(small_case / f"{name}.nii.gz", tmp_path / "both" / patient)
    out = tmp_path / "out.nii.gz"
    arguments = ("segment", "--folder", tmp_path / "both", "--model", untrained, "--output", out)
    refused = gliomasam(*arguments)
    assert refused.status == 2 and "t1c in patient-A, flair in patient-B" in refused.err and not out.exists()
    done = gliomasam(*arguments, "--same-patient")
    assert done.status == 0 and "taken as one patient's" in done.out and out.exists()


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ((at(INSIDE), BOX, at(OUTSIDE, "-")), ["point", "box", "point"]),
        ((*BOX.split("="), at(OUTSIDE, "-"), *at(INSIDE).split("=")), ["box", "point", "point"]),
        ((at(OUTSIDE, "-"), at(INSIDE), BOX), ["point", "point", "box"]),
    ],
)
def test_prompts_are_answered_as_they_are_typed_after_those_of_a_file(
    typed: tuple[str, ...], kinds: list[str], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    """`update` sees them in this order, and the report gives them back in it."""
    PromptHistory((scribble([INSIDE, (-30.0, -25.0, 20.0)], True, "TC"),)).save(tmp_path / "prompts.json")
    arguments = ("segment", "--folder", small_case, "--model", untrained, "--device", "cpu")
    assert gliomasam(
        *arguments, "--output", tmp_path / "out.nii", "--json", tmp_path / "report.json", *typed[:2],
        "--prompts", tmp_path / "prompts.json", *typed[2:],
    ).status == 0  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    given = PromptHistory.from_json(report["prompts"])
    assert [prompt.kind for prompt in given.prompts] == ["scribble", *kinds]
    session = Session(Study.read_folder(small_case), load_model(untrained, device="cpu"), cache=None)
    for prompt in given.prompts:
        session.add(prompt)
    session.update()
    assert np.array_equal(read(tmp_path / "out.nii") > 0, session.mask("WT") > 0)


@pytest.mark.parametrize("orientation", ["auto", "qform", "sform"])
def test_the_form_of_a_header_is_chosen_and_the_result_has_both(
    orientation: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "flair.nii"
    sitk.WriteImage(sitk.ReadImage(str(small_case / "flair.nii.gz")), str(path))
    content = bytearray(path.read_bytes())
    struct.pack_into("<2h", content, 252, 1, 2)
    struct.pack_into("<f", content, 268, 20.0)  # the qform lies 20 mm to the right of the sform
    path.write_bytes(content)
    place = INSIDE if orientation == "sform" else (INSIDE[0] + 20, *INSIDE[1:])
    out = tmp_path / "out.nii"
    done = gliomasam(
        "segment", "--flair", path, "--model", untrained, "--output", out, at(place), "--orientation", orientation,
        "--skull", "off",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert "its qform and its sform differ" in done.out.replace("\n", " ")
    assert out.read_bytes()[252:328] == bytes(content[252:328])
    assert read(out)[20, 24, 30] > 0


@pytest.mark.parametrize(("reference", "slices"), [(None, 40), ("t1c", 10)])
def test_a_thin_t1c_gives_the_grid_only_when_asked(
    reference: str | None,
    slices: int,
    gliomasam: Callable,
    small_case: Path,
    untrained: Path,
    tmp_path: Path,
) -> None:
    """The T1c shows ten of forty slices. An outline that ends with it is told, in the report as well."""
    whole = sitk.ReadImage(str(small_case / "t1c.nii.gz"))
    thin, out, report = tmp_path / "thin_t1c.nii.gz", tmp_path / "out.nii.gz", tmp_path / "report.json"
    sitk.WriteImage(whole[:, :, 15:25], str(thin))
    options = ["--reference", reference] if reference else []
    done = gliomasam(
        "segment", "--t1c", thin, "--flair", small_case / "flair.nii.gz", "--model", untrained, "--output", out,
        "--json", report, "--same-patient", "--skull", "off", at(INSIDE), BOX, *options,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert read(out).shape[0] == slices
    saved = json.loads(report.read_text())
    assert saved["options"]["reference"] == (reference or "flair")
    assert any("the results lie on the grid of flair" in note for note in saved["notes"]) == (reference is None)
    ends = read(out)[0].any() or read(out)[-1].any()
    assert any("lower bound" in note for note in saved["notes"]) == ends
    assert ends or not reference


@pytest.mark.parametrize(("reference", "said"), [("pd", "Choose t1, t1c, t2 or flair"), ("t2", "give --t2 too")])
def test_a_reference_that_cannot_be(
    reference: str, said: str, gliomasam: Callable, small_case: Path, tmp_path: Path
) -> None:
    done = gliomasam(
        "segment", "--t1c", small_case / "t1c.nii.gz", "--output", tmp_path / "o.nii", "--reference", reference
    )
    assert done.status == 2 and said in done.err and len(done.err.strip().splitlines()) == 1


def test_an_unknown_orientation(gliomasam: Callable, small_case: Path, tmp_path: Path) -> None:
    done = gliomasam("segment", "--folder", small_case, "--output", tmp_path / "o.nii", "--orientation", "both")
    assert (done.status, list(tmp_path.glob("o.nii"))) == (2, [])
    assert "auto, qform or sform" in done.err


def test_the_command_called_from_python(small_case: Path, untrained: Path, tmp_path: Path) -> None:
    segment(
        tmp_path / "out.nii", folder=small_case, model=str(untrained), device="cpu",
        points=[at(INSIDE).split("=")[1]], boxes=[BOX.split("=")[1]], json=tmp_path / "report.json",
    )  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert [prompt["kind"] for prompt in report["prompts"]["prompts"]] == ["box", "point"]


def test_the_help_says_in_which_order_prompts_are_answered(gliomasam: Callable) -> None:
    done = gliomasam("segment", "--help")
    assert done.status == 0
    assert "in the order in which they are typed" in " ".join(done.out.split())


def test_the_label_of_enhancing_tumour_before_2023(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.nii"
    arguments = ("segment", "--folder", small_case, "--model", untrained, "--output", out, at(INSIDE, "ET"))
    assert gliomasam(*arguments, "--et-label", "4").status == 0
    assert read(out)[20, 24, 30] == 4


BAD = {
    "no volume": (["segment", "--output", "OUT/x.nii"], "No volume"),
    "folder and volume": (
        ["segment", "--folder", "CASE", "--t1", "CASE/t1.nii.gz", "--output", "OUT/x.nii"],
        "not both",
    ),
    "no output": (["segment", "--folder", "CASE"], "--output"),
    "absent volume": (["segment", "--flair", "CASE/none.nii.gz", "--output", "OUT/x.nii"], "none.nii.gz"),
    "text as volume": (["segment", "--flair", "TEXT", "--output", "OUT/x.nii"], "text.nii"),
    "truncated volume": (["segment", "--flair", "SHORT", "--output", "OUT/x.nii"], "short.nii.gz"),
    "absent folder": (["segment", "--folder", "CASE/none", "--output", "OUT/x.nii"], "none"),
    "unknown suffix": (["segment", "--folder", "CASE", "--output", "OUT/x.txt"], "x.txt"),
    "absent output folder": (["segment", "--folder", "CASE", "--output", "OUT/none/x.nii"], "none"),
    "report elsewhere": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--json", "OUT/none/r.json"], "none"),
    "picture suffix": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--picture", "OUT/p.gif"], "p.gif"),
    "label": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--et-label", "5"], "--et-label 5"),
    "skull": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--skull", "maybe"], "maybe"),
    "not a number": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--point=a,b,c"], "a,b,c"),
    "region": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--point=1,2,3,XX"], "XX"),
    "outside": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--point=900,0,0"], "900"),
    "in air": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--point=-1,-1,1"], "-1"),
    "box outside": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--box=900,0,0,950,9,9"], "900"),
    "absent prompts": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--prompts", "OUT/p.json"], "p.json"),
    "prompts that are none": (
        ["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--prompts", "TEXT"],
        "text.nii",
    ),
    "model": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--model", "no-such-model"], "no-such-model"),
    "device": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--device", "abacus"], "abacus"),
    "option": (["segment", "--folder", "CASE", "--output", "OUT/x.nii", "--colour", "red"], "--colour"),
    "command": (["dance"], "dance"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_status_2_and_writes_nothing(
    name: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    text, short, out = tmp_path / "text.nii", tmp_path / "short.nii.gz", tmp_path / "out"
    out.mkdir()
    text.write_text("no image\n")
    short.write_bytes((small_case / "flair.nii.gz").read_bytes()[:2000])
    places = {"CASE": str(small_case), "OUT": str(out), "TEXT": str(text), "SHORT": str(short)}
    arguments, said = BAD[name]
    for place, path in places.items():
        arguments = [argument.replace(place, path) for argument in arguments]
    if arguments[0] == "segment" and "--model" not in arguments:
        arguments += ["--model", str(untrained)]
    done = gliomasam(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("gliomasam: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert list(out.iterdir()) == []


def test_an_old_result_stays_when_a_click_is_refused(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.nii"
    out.write_bytes(b"old")
    assert gliomasam("segment", "--folder", small_case, "--model", untrained, "-o", out, "--point=900,0,0").status == 2
    assert out.read_bytes() == b"old"


def test_the_output_is_looked_at_before_the_volumes_are_read(gliomasam: Callable, tmp_path: Path) -> None:
    done = gliomasam("segment", "--flair", tmp_path / "none.nii", "--output", tmp_path / "nowhere" / "x.nii")
    assert "nowhere" in done.err
    assert "none.nii" not in done.err


def test_two_results_in_one_file(gliomasam: Callable, small_case: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    arguments = ("segment", "--folder", small_case, "--output", tmp_path / "x.nii")
    assert gliomasam(*arguments, "--json", link / "x.nii").status == 2


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (RuntimeError("a fault"), 1)])
def test_ctrl_c_and_faults_leave_no_traceback_and_no_file(
    error: BaseException, status: int, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.delenv("GLIOMASAM_DEBUG", raising=False)
    monkeypatch.setattr(Study, "read_folder", fail)
    done = gliomasam("segment", "--folder", small_case, "--model", untrained, "--output", tmp_path / "x.nii")
    assert done.status == status
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "x.nii").exists()


@pytest.mark.parametrize(
    ("text", "ras", "positive", "region"),
    [
        ("-32.5,18,40", (-32.5, 18.0, 40.0), True, "WT"),
        ("1,2,3,-", (1.0, 2.0, 3.0), False, "WT"),
        ("1,2,3,ET", (1.0, 2.0, 3.0), True, "ET"),
        ("1, 2, -3e1, -, tc", (1.0, 2.0, -30.0), False, "TC"),
        ("1,2,3,TC,+", (1.0, 2.0, 3.0), True, "TC"),
    ],
)
def test_a_point(text: str, ras: tuple[float, float, float], positive: bool, region: str) -> None:
    prompt = parse_point(text)
    assert (prompt.kind, prompt.points, prompt.positive, prompt.region) == ("point", (ras,), positive, region)


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,x", "1,2,nan", "1,2,inf", "1,2,3,4", "1,2,3,XX", "1,2,3,+,-", "1,2,3,WT,TC", "1;2;3"]
)
def test_a_point_that_is_none(text: str) -> None:
    with pytest.raises(PromptError):
        parse_point(text)


def test_a_box_with_and_without_a_region() -> None:
    assert parse_box("-50,0,20,-10,40,20").points == ((-50.0, 0.0, 20.0), (-10.0, 40.0, 20.0))
    assert parse_box("-50,0,20,-10,40,60,ET").region == "ET"


@pytest.mark.parametrize("text", ["1,2,3,4,5", "1,2,3,4,5,x", "1,2,3,4,5,6,XX", "1,2,3,4,5,6,WT,+", "1,2,3,1,2,3"])
def test_a_box_that_is_none(text: str) -> None:
    with pytest.raises(PromptError):
        parse_box(text)


def test_prompts_of_a_file_come_first_then_the_others_as_they_were_typed(tmp_path: Path) -> None:
    PromptHistory((point((1, 2, 3), False, "TC"),)).save(tmp_path / "prompts.json")
    points = [TypedText.at(place, text) for place, text in ((5, "4,5,6,-"), (9, "7,8,9"))]
    found = read_prompts(points, [TypedText.at(7, "0,0,0,9,9,9")], tmp_path / "prompts.json")
    assert [prompt.kind for prompt in found] == ["point", "point", "box", "point"]
    assert [prompt.points[0] for prompt in found] == [(1, 2, 3), (4, 5, 6), (0, 0, 0), (7, 8, 9)]
    assert [prompt.positive for prompt in found] == [False, False, True, True]


def test_texts_of_a_caller_in_python_have_no_place_and_boxes_come_first() -> None:
    found = read_prompts(["4,5,6", "7,8,9"], ["0,0,0,9,9,9"], None)
    assert [prompt.points[0] for prompt in found] == [(0, 0, 0), (4, 5, 6), (7, 8, 9)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--box=B", "--point=P"], ["B", "P"]),
        (["--point=P", "--box=B"], ["P", "B"]),
        (["--point=P", "--point=Q", "--box=B", "--point=R", "--box=C"], ["P", "Q", "B", "R", "C"]),
        (["--point", "P", "--box", "B", "--point=Q"], ["P", "B", "Q"]),
        (["--box", "B", "--device=cpu", "--point", "P", "-o", "--box", "--box=C"], ["B", "P", "C"]),
        (["--point=P", "--point", "P", "--box=B", "--point=P"], ["P", "P", "B", "P"]),
        (["--point=P"], ["P"]),
        ([], []),
    ],
)
def test_the_order_of_a_command_line(arguments: list[str], expected: list[str]) -> None:
    """In `-o --box` the word `--box` is the name of a file, not an option."""
    seen: list[str] = []
    app = typer.Typer()

    @app.command(cls=PromptCommand)
    def command(
        points: Annotated[list[str] | None, typer.Option("--point")] = None,
        boxes: Annotated[list[str] | None, typer.Option("--box")] = None,
        device: str = "",
        out: Annotated[str, typer.Option("-o")] = "",
    ) -> None:
        typed = [*(points or []), *(boxes or [])]
        assert all(isinstance(text, TypedText) for text in typed)
        seen.extend(sorted(typed, key=lambda text: text.place))

    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.exception) == (0, None)
    assert seen == expected
