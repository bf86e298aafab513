"""`report.html`: one file that asks for nothing, whatever it holds."""

import html.parser
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from GliomaSAMLib.followup.assessment import Assessment, assess
from GliomaSAMLib.followup.report import WrittenReport, report_json
from GliomaSAMLib.followup.report.page import fixed, grade, percent, report_html


class Links(html.parser.HTMLParser):
    """What a page asks for, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "source", "link"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "srcset", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(written: WrittenReport) -> str:
    return (written.folder / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_asks_for_nothing(page: str) -> None:
    found = Links(page)
    assert found.open == []
    assert found.links and all(link.startswith("data:image/png;base64,") for link in found.links)
    assert "script" not in found.tags and "link" not in found.tags
    assert not re.search(r"https?://|url\(", page)


def test_it_says_what_it_has_to(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page.partition("</style>")[2]).split())
    for words in (
        "For research only, not for clinical use.",
        "PD progressive disease",
        "Rule: new lesion.",
        "was not there at the baseline ( 2024-01-15 )",
        "By imaging only",
        "Not known: clinical, steroids",
        "Sum of targets",
        "Masks cannot tell tumour from treatment effect",
        "extent et",
    ):
        assert words in text, words
    assert text.count("For research only") >= 2


def test_what_others_wrote_is_shown_as_text(page: str) -> None:
    assert "<b>name</b>" not in page and "A &lt;b&gt;name&lt;/b&gt;" in page


def test_notes_of_a_visit_are_shown_as_text(without_volumes: Assessment) -> None:
    visits = [replace(visit, notes=("<script>alert(1)</script>",)) for visit in without_volumes.visits]
    found = assess(visits)
    text = report_html(found, report_json(found), [], {"light": b"", "dark": b""})
    assert "script" not in Links(text).tags and "&lt;script&gt;" in text
    assert "No pictures" in text


def test_a_doubtful_alignment_is_told_in_red(without_volumes: Assessment) -> None:
    visits = list(without_volumes.visits)
    visits[1] = replace(visits[1], alignment=replace(visits[1].alignment, head_dice=0.7, rotation_degrees=40.0))
    found = assess(visits)
    text = report_html(found, report_json(found), [], {"light": b"", "dark": b""})
    assert re.search(r'<p class="warning">V2: the heads fit badly after alignment \(Dice 0.70\)', text)
    assert re.search(r'<p class="warning">V2: turned by 40', text)


def test_numbers_for_people() -> None:
    assert fixed(1.25, 1) in ("1.2", "1.3") and fixed(None, 1) == "\N{EN DASH}"
    assert percent(-25.04) == "\N{MINUS SIGN}25.0" and percent(3) == "+3.0"


def test_of_many_visits_the_first_page_shows_the_baseline_and_the_last_two(without_volumes: Assessment) -> None:
    first, second, third = without_volumes.visits
    visits = [
        replace((first, second, third)[number % 3], date=first.date + timedelta(days=30 * number))
        for number in range(7)
    ]
    found = assess(visits)
    text = report_html(found, report_json(found), [], {"light": b"", "dark": b""})
    summary, _, details = text.partition("Other lesions and visits: under Details.")
    table = summary[summary.index("<h2>Lesions</h2>") :]
    shown = set(re.findall(r'<td class="text">(V\d)</td>', table))
    assert shown == {"V1", "V6", "V7"}
    assert set(re.findall(r'<td class="text">(V\d)</td>', details)) == {f"V{number}" for number in range(1, 8)}


@pytest.mark.parametrize(
    ("velocity", "text"),
    [(-3.0, " (below 4)"), (4.0, " (4 to 8)"), (11.9, " (8 to 12)"), (12.0, " (from 12)"), (None, "")],
)
def test_grades_of_velocity(velocity: float | None, text: str) -> None:
    assert grade(velocity) == text


def test_printed_as_pdf(page: str) -> None:
    pytest.importorskip("weasyprint", reason="the extra pdf is not installed")
    from GliomaSAMLib.followup.report.printing import printed

    content = printed(page)
    assert content.startswith(b"%PDF") and len(content) > 50_000
