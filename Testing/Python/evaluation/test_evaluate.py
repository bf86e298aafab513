import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from support import phantom_case, untrained_weights

from GliomaSAMLib.data.cases import Case, choose_cases, open_case
from GliomaSAMLib.errors import Cancelled, CaseError, ModelError, OutputError, PromptError
from GliomaSAMLib.evaluation.evaluate import EvaluationOptions, evaluate, run_evaluation, write_evaluation
from GliomaSAMLib.evaluation.protocol import FORMAT, ProtocolOptions, ResultStore, read_results
from GliomaSAMLib.models.weights import file_sha256, load_weights, save_weights


@pytest.fixture
def options(cases_folder, tmp_path) -> EvaluationOptions:
    return EvaluationOptions(
        cases=cases_folder,
        output=tmp_path,
        split=cases_folder / "split.json",
        variants=("all", "jitter", "flair alone"),
        variant_regions=("WT",),
        protocol=ProtocolOptions(prompts=3),
    )


def run(options, methods, store, **more):
    cases = choose_cases(options.cases, options.split, options.part)
    return list(evaluate(cases, methods, options, store, **more))


def test_everything_is_measured_and_written(options, painter, tmp_path):
    told = []
    results = run(options, [painter], ResultStore(tmp_path / "r.jsonl"), progress=lambda part, text: told.append(part))
    assert len(results) == 2 * (3 + 1 + 1)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert {result.modalities for result in results if result.variant == "flair alone"} == {("flair",)}
    evaluation = write_evaluation(results, tmp_path)
    assert all(path.stat().st_size > 100 for path in evaluation.files)
    et = next(entry for entry in evaluation.summaries if entry.region == "ET")
    assert (et.cases, et.empty_cases, et.false_cases) == (1, 1, 0)
    rows = json.loads((tmp_path / "table.json").read_text())
    wt = [result.rounds[3].dice for result in results if (result.region, result.variant) == ("WT", "all")]
    assert rows[0]["dice"]["3"] == pytest.approx(np.mean(wt))


def test_what_is_done_is_not_done_again(options, make_painter, tmp_path):
    store = tmp_path / "r.jsonl"
    stop_after = iter([False] * 4 + [True])
    with pytest.raises(Cancelled):
        run(options, [make_painter()], ResultStore(store), cancel=lambda: next(stop_after))
    with store.open("ab") as file:
        file.write(b'{"method": "painter", "case": "fir')  # killed while writing
    again = make_painter()
    results = run(options, [again], ResultStore(store))
    assert len(results) == 10
    assert len(again.begun) == 6
    third = make_painter()
    assert run(options, [third], ResultStore(store)) == results
    assert third.begun == []


def test_other_settings_are_measured_anew(options, make_painter, tmp_path):
    store = ResultStore(tmp_path / "r.jsonl")
    run(options, [make_painter()], store)
    changed = make_painter()
    changed.signature = "painter 2"
    run(options, [changed], store)
    assert len(changed.begun) == 10
    assert len(read_results([store.path])) == 10


@pytest.mark.parametrize("change", ["labels", "volume", "what the labels mean", "nothing"])
def test_other_files_are_measured_anew(options, make_painter, tmp_path, change):
    cases = shutil.copytree(options.cases, tmp_path / "cases")
    options = replace(options, cases=cases, regions=("WT",), variants=("all",))
    store = ResultStore(tmp_path / "r.jsonl")
    before = run(options, [make_painter()], store)
    assert all(len(result.inputs) == 64 for result in before)
    if change in ("labels", "volume"):
        path = cases / "first" / ("seg.nii.gz" if change == "labels" else "t2.nii.gz")
        image = sitk.ReadImage(str(path))
        image[16, 16, 12] = 0
        sitk.WriteImage(image, str(path))
    again = make_painter()
    chosen = choose_cases(cases, options.split, labels="brats2023" if change == "what the labels mean" else None)
    list(evaluate(chosen, [again], options, ResultStore(store.path)))
    done = {"nothing": set(), "what the labels mean": {"first", "second"}}.get(change, {"first"})
    assert {case for case, _ in again.begun} == done


def test_results_of_before_files_were_told_count(options, make_painter, tmp_path):
    store = ResultStore(tmp_path / "r.jsonl")
    results = run(options, [make_painter()], store)
    lines = [json.loads(line) for line in store.path.read_text().splitlines()]
    store.path.write_text("".join(json.dumps({**line, "inputs": ""}) + "\n" for line in lines))
    assert run(options, [make_painter()], ResultStore(store.path)) == [replace(one, inputs="") for one in results]


def test_means_over_different_settings_are_told(options, painter, tmp_path):
    results = run(replace(options, variants=("all",)), [painter], ResultStore(tmp_path / "r.jsonl"))
    write_evaluation(results, tmp_path)
    assert "different weights" not in (tmp_path / "table.md").read_text()
    changed = [replace(one, signature="painter 2") if one.case == "first" else one for one in results]
    summaries = write_evaluation(changed, tmp_path).summaries
    assert {one.settings for one in summaries} == {2}
    text = (tmp_path / "table.md").read_text()
    assert "**painter, all, WT: these results are of 2 different weights or settings.**" in text


def weights_of_one_name(folder, factor=1.0):
    """The file `mine.safetensors` in a new folder; other factors make other weights."""
    folder.mkdir()
    state, metadata = load_weights(untrained_weights(folder / "mine.safetensors"))
    state = {name: tensor * factor for name, tensor in state.items()}
    save_weights(metadata.path, state, metadata.config, None)
    return str(metadata.path)


def test_models_of_one_name_stand_side_by_side(options, tmp_path):
    paths = [weights_of_one_name(tmp_path / name, factor) for name, factor in (("a", 1.0), ("b", 1.5))]
    little = replace(
        options,
        regions=("WT",),
        variants=("all",),
        names=("first",),
        output=tmp_path / "out",
        device="cpu",
        protocol=ProtocolOptions(prompts=0),
    )
    names = [f"mine ({Path(path).parent.name}, {file_sha256(Path(path))[:8]})" for path in paths]
    for path in paths:
        last = run_evaluation(replace(little, models=(path,)))
    assert {row.method: row.cases for row in last.summaries} == dict.fromkeys(names, 1)
    assert not last.left_out
    text = (tmp_path / "out" / "table.md").read_text()
    assert all(name in text for name in names)
    lines = (tmp_path / "out" / "results.jsonl").read_bytes()
    together = run_evaluation(replace(little, models=tuple(paths)))
    assert {row.method for row in together.summaries} == set(names)
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == lines  # nothing was measured again
    elsewhere = replace(
        little, models=paths[1:], output=tmp_path / "new", results=(tmp_path / "out" / "results.jsonl",)
    )
    assert {row.method for row in run_evaluation(elsewhere).summaries} == set(names)


def test_the_same_weights_twice_are_refused(options, tmp_path):
    path = weights_of_one_name(tmp_path / "a")
    copied = shutil.copytree(tmp_path / "a", tmp_path / "b") / "mine.safetensors"
    with pytest.raises(ModelError, match="mine is to be measured twice with the same weights: name it once"):
        run_evaluation(replace(options, models=(path, str(copied)), output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_results_of_before_weights_were_told_count(measured_into_a_folder, tmp_path):
    measured_into_a_folder("a", signature="1 all", weights="1" * 64)
    path = tmp_path / "table" / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**line, "weights": ""}) + "\n" for line in lines))
    before = path.read_bytes()
    again = measured_into_a_folder("a", signature="1 all", weights="1" * 64, folder="runs")
    assert (rows_of(again), path.read_bytes()) == ({("a", "WT"): (2, 1)}, before)
    other = measured_into_a_folder("a", signature="2 all", weights="2" * 64, folder="runs")
    assert rows_of(other) == {("a", "WT"): (2, 1), ("a (runs, 22222222)", "WT"): (2, 1)}
    settings = measured_into_a_folder("a", signature="2 few", weights="2" * 64, folder="runs", names=("first",))
    assert settings.left_out == {"a": 2}


def test_files_of_no_earlier_evaluation_stay(options, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "table.csv").write_text("mine")
    protocol = ProtocolOptions(prompts=0)
    little = replace(
        options, models=(), baselines=("grow_ball",), regions=("WT",), variants=("all",), output=out, protocol=protocol
    )
    with pytest.raises(OutputError, match=r"table\.csv is of no earlier evaluation"):
        run_evaluation(little)
    assert [path.read_text() for path in out.iterdir()] == ["mine"]
    (out / "table.csv").unlink()
    for _ in range(2):
        run_evaluation(little)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"baselines": ()}, "without a model, name a baseline"),
        ({"variants": ("jitter",)}, "in the variant all only"),
        ({"part": "train"}, "split.json names no case in its list 'train'"),
    ],
)
def test_nothing_to_measure_leaves_the_tables(options, painter, tmp_path, wanted, text):
    results = run(replace(options, variants=("all",)), [painter], ResultStore(tmp_path / "results.jsonl"))
    write_evaluation(results, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    nothing = replace(options, models=(), baselines=("grow_ball",), output=tmp_path, fresh=True)
    with pytest.raises(CaseError, match=f"Nothing to measure: .*{text}"):
        run_evaluation(replace(nothing, **wanted))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(CaseError, match="Nothing to measure"):
        run_evaluation(replace(nothing, **wanted, output=tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_results_of_other_runs_alone_make_tables(options, painter, tmp_path):
    store = ResultStore(tmp_path / "results.jsonl")
    run(replace(options, variants=("all",)), [painter], store)
    elsewhere = replace(options, models=(), results=(store.path,), output=tmp_path / "new")
    assert len(run_evaluation(elsewhere).results) == 6


@pytest.fixture
def measured_into_a_folder(options, make_painter, tmp_path, monkeypatch):
    """A function that measures a painter of a name into one folder, as `gliomasam evaluate` does."""

    def measure(name, signature="painter 1", weights="", folder="", **more):
        method = make_painter()
        method.name, method.signature, method.weights, method.folder = name, signature, weights, folder
        monkeypatch.setattr("GliomaSAMLib.evaluation.evaluate.build_methods", lambda options: [method])
        little = replace(options, variants=("all",), regions=("WT",), output=tmp_path / "table")
        return run_evaluation(replace(little, **more))

    return measure


def rows_of(evaluation):
    rows = json.loads(next(path for path in evaluation.files if path.suffix == ".json").read_text())
    assert [row["method"] for row in rows] == [summary.method for summary in evaluation.summaries]
    return {(row["method"], row["region"]): (row["cases"], row["settings"]) for row in rows}


def test_tables_have_what_was_measured_into_the_folder_before(measured_into_a_folder):
    measured_into_a_folder("a")
    second = measured_into_a_folder("b", regions=("TC",))
    assert rows_of(second) == {("a", "WT"): (2, 1), ("b", "TC"): (2, 1)}
    assert not second.left_out
    third = measured_into_a_folder("b")
    assert rows_of(third) == {("a", "WT"): (2, 1), ("b", "WT"): (2, 1), ("b", "TC"): (2, 1)}
    assert rows_of(measured_into_a_folder("b", fresh=True)) == {("b", "WT"): (2, 1)}


def test_results_of_other_cases_files_or_settings_are_in_no_table_and_told(measured_into_a_folder, options, tmp_path):
    cases = shutil.copytree(options.cases, tmp_path / "cases")
    measured_into_a_folder("a", cases=cases)
    measured_into_a_folder("b", cases=cases, regions=("TC",))
    fewer = measured_into_a_folder("b", cases=cases, names=("first",), signature="painter 2")
    assert (rows_of(fewer), fewer.left_out) == ({("a", "WT"): (1, 1), ("b", "WT"): (1, 1)}, {"a": 1, "b": 2})
    shutil.copyfile(cases / "second" / "t1.nii.gz", cases / "first" / "t1.nii.gz")
    again = measured_into_a_folder("b", cases=cases)
    assert (rows_of(again), again.left_out) == (
        {("a", "WT"): (1, 1), ("b", "WT"): (2, 1), ("b", "TC"): (1, 1)},
        {"a": 1, "b": 1},
    )
    assert len(read_results([tmp_path / "table" / "results.jsonl"])) == 6


def test_a_region_that_labels_do_not_tell_is_no_failure(measured_into_a_folder, options, tmp_path):
    cases = shutil.copytree(options.cases, tmp_path / "cases")
    labels = sitk.ReadImage(str(cases / "second" / "seg.nii.gz"))
    (cases / "second" / "seg.nii.gz").unlink()
    sitk.WriteImage(sitk.Cast(labels > 0, sitk.sitkUInt8), str(cases / "second" / "wt.nii.gz"))
    every = measured_into_a_folder("a", cases=cases, regions=("WT", "TC", "ET"))
    assert rows_of(every) == {("a", "WT"): (2, 1), ("a", "TC"): (1, 1), ("a", "ET"): (1, 1)}
    assert every.untold == {"TC": ("second",), "ET": ("second",)}
    assert not any(result.error for result in every.results)
    later = measured_into_a_folder("a", cases=cases)
    assert (rows_of(later), later.left_out, later.untold) == (rows_of(every), {}, {})
    only = {"cases": cases, "names": ("second",), "output": tmp_path / "new"}
    with pytest.raises(CaseError, match="the labels of second do not tell TC, ET: choose other regions or cases"):
        measured_into_a_folder("a", regions=("TC", "ET"), **only)
    assert not (tmp_path / "new").exists()


def test_failures_are_of_a_method_like_other_results(measured_into_a_folder, options, tmp_path):
    cases = shutil.copytree(options.cases, tmp_path / "cases")
    shutil.copyfile(cases / "first" / "seg.nii.gz", cases / "second" / "t1.nii.gz")
    (cases / "second" / "t2.nii.gz").write_bytes(b"damaged")
    first = measured_into_a_folder("a", cases=cases, regions=("TC",))
    assert [result.case for result in first.results if result.error] == ["second"]
    assert not measured_into_a_folder("a", cases=cases).left_out


def test_tables_and_plot_are_replaced_together(options, painter, tmp_path, monkeypatch):
    results = run(replace(options, variants=("all",)), [painter], ResultStore(tmp_path / "r.jsonl"))
    out = tmp_path / "out"
    out.mkdir()
    write_evaluation(results, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(results, path):
        path.write_bytes(b"half")
        raise OutputError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr("GliomaSAMLib.evaluation.evaluate.plot_dice", full)
    with pytest.raises(OutputError, match=r"dice\.png cannot be written: No space.*no result was written"):
        write_evaluation(results[:1], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_results_of_before_clicks_were_measured_are_read_and_measured_again(options, make_painter, tmp_path):
    store = ResultStore(tmp_path / "r.jsonl")
    run(options, [make_painter()], store)
    lines = [json.loads(line) for line in store.path.read_text().splitlines()]
    for line in lines:
        line["signature"] = line["signature"].removesuffix(FORMAT).rstrip()
        for entry in line["rounds"]:
            del entry["effect"]
    store.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    old = ResultStore(store.path)
    assert all(entry.effect is None for result in old.results.values() for entry in result.rounds)
    again = make_painter()
    results = run(options, [again], old)
    assert len(again.begun) == 10
    assert all(entry.effect is not None for result in results for entry in result.rounds[1:])


def test_a_failure_is_told_and_tried_again(options, make_painter, tmp_path):
    broken, store = make_painter(), ResultStore(tmp_path / "r.jsonl")

    def refuse(prompt):
        raise ModelError("the network gives no numbers")

    good, broken.prompt = broken.prompt, refuse
    evaluation = write_evaluation(run(options, [broken], store), tmp_path)
    wt = evaluation.summaries[0]
    assert (wt.failed, wt.cases) == (2, 0)
    assert "2 cases failed" in (tmp_path / "table.md").read_text()
    broken.prompt = good
    assert not any(result.error for result in run(options, [broken], store))


def test_a_refused_prompt_ends_the_prompts_of_its_case_and_is_told(options, make_painter, tmp_path):
    """As where brain extraction has cut a labelled tumour off; what was measured before it counts."""
    method, store = make_painter(), ResultStore(tmp_path / "r.jsonl")
    give = method.prompt

    def refuse(prompt):
        if method.begun[-1][0] == "first" and len(method.masks) > 1:
            raise PromptError("the click lies in air")
        return give(prompt)

    method.prompt = refuse
    options = replace(options, variants=("all",), regions=("WT",))
    results = run(options, [method], store)
    assert [(one.case, len(one.rounds), one.refused) for one in results] == [
        ("second", 4, ""),
        ("first", 2, "the click lies in air"),
    ]
    assert results[1].curve(3) == [0.0, *[results[1].rounds[1].dice] * 3] and results[1].undo_exact == (True,)
    (summary,) = write_evaluation(results, tmp_path).summaries
    assert (summary.cases, summary.failed, summary.refused) == (2, 0, 1)
    assert (
        "as one was refused (such as a click more than 5 mm outside the brain): 1.**"
        in (tmp_path / "table.md").read_text()
    )
    assert run(options, [make_painter()], ResultStore(store.path)) == results


def test_a_tumour_outside_the_brain_is_no_failure(tmp_path, untrained, monkeypatch):
    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path / "cache"))
    path = phantom_case(tmp_path / "cases" / "cut", brain_radii=(12.0, 12.0, 12.0)) / "seg.nii.gz"
    image = sitk.ReadImage(str(path))
    image[33:43, 12:32, 4:14] = 2
    sitk.WriteImage(image, str(path))
    done = run_evaluation(
        EvaluationOptions(tmp_path / "cases", tmp_path / "out", models=(str(untrained),), regions=("WT",), device="cpu")
    )
    (result,) = done.results
    assert "lies in air" in result.refused and 0 < len(result.rounds) < 11 and not result.error


def test_damage_in_the_middle_is_an_error(options, painter, tmp_path):
    store = ResultStore(tmp_path / "r.jsonl")
    run(options, [painter], store)
    lines = store.path.read_text().splitlines()
    store.path.write_text("\n".join([lines[0], '{"other": "file"}', *lines[1:]]))
    with pytest.raises(CaseError, match="Line 2"):
        ResultStore(store.path)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [({"variants": ("upside down",)}, "upside down"), ({"baselines": ("magic",)}, "magic")],
)
def test_names_that_do_not_exist(cases_folder, tmp_path, wrong, text):
    with pytest.raises(CaseError, match=text):
        EvaluationOptions(cases=cases_folder, output=tmp_path, **wrong)


def test_cases_are_chosen_by_split(cases_folder):
    split = cases_folder / "split.json"
    assert [case.name for case in choose_cases(cases_folder, split)] == ["second", "first"]
    for file in (split, None):
        with pytest.raises(CaseError, match=r"Unknown part 'test' of a split\. Choose train or val"):
            choose_cases(cases_folder, file, "test")


def test_a_case_without_the_modality(cases_folder, tmp_path):
    for name in ("t1", "seg"):
        (tmp_path / f"{name}.nii.gz").write_bytes((cases_folder / "first" / f"{name}.nii.gz").read_bytes())
    case = Case("lonely", tmp_path, tmp_path / "seg.nii.gz")
    with pytest.raises(CaseError, match="has no flair"):
        open_case(case, ("flair",))


def test_what_is_not_certain_of_the_volumes_is_told(options, cases_folder, tmp_path, painter, monkeypatch):
    folder = tmp_path / "cases"
    shutil.copytree(cases_folder / "first", folder / "first")
    for name in ("t1c", "t2", "flair"):
        next((folder / "first").glob(f"*{name}.nii.gz")).unlink()
    next((folder / "first").glob("*t1.nii.gz")).rename(folder / "first" / "AX_T1.nii.gz")
    monkeypatch.setattr("GliomaSAMLib.evaluation.evaluate.build_methods", lambda options: [painter])
    changed = replace(options, cases=folder, split=None, variants=("all",), output=tmp_path / "out")
    (line,) = run_evaluation(changed).doubts
    assert line.startswith("note: first: not sure that this is t1")
