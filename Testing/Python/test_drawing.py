"""What is drawn depends on no file of the working folder, and on no name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

SETTINGS = "text.usetex: True\nfigure.dpi: 7\nlines.linewidth: 40\nno.such.setting: 1\n"

DRAW = """
import sys
from pathlib import Path
{first}
from GliomaSAMLib.drawing import Figure, FigureCanvasAgg, standard_look
with standard_look():
    figure = Figure(figsize=(3, 2))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([1, 2, 3])
    axes.set_title("cost $5 $\\\\nothing$")
    figure.savefig(sys.argv[1], format="png", metadata={{"Software": None}})
print(Path.cwd())
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The picture as drawn in an empty folder."""
    return drawn(tmp_path_factory.mktemp("empty"))


def drawn(folder: Path, first: str = "") -> bytes:
    """The picture that a new process draws with `folder` as its working folder."""
    out = folder / "out.png"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", DRAW.format(first=first), str(out)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", str(folder.resolve()))
    return out.read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_settings_of_the_working_folder_are_not_read(kind: str, plain: bytes, tmp_path: Path) -> None:
    """A pipe under the name would never end when it is read."""
    if kind == "file":
        (tmp_path / "matplotlibrc").write_text(SETTINGS)
    else:
        os.mkfifo(tmp_path / "matplotlibrc")
    assert drawn(tmp_path) == plain


def test_what_another_program_set_does_not_matter(plain: bytes, tmp_path: Path) -> None:
    first = "import matplotlib; matplotlib.rcParams.update({'lines.linewidth': 40, 'font.size': 30})"
    assert drawn(tmp_path, first) == plain
