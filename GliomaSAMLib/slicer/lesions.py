"""Several lesions in one segmentation: each segment that results go to has prompts of its own."""

from collections.abc import Mapping

from ..prompts import Prompt, PromptHistory
from ..session import Session
from .segments.view import SegmentStyle, SegmentView

Place = tuple[str, str | None]
"""A style, and the user's segment for it."""

Kept = Mapping[Place, tuple[PromptHistory, str | None]]
"""By place its prompts, and the SHA-256 of the weights that made what its segments hold, as far as that is known."""


class PromptsByPlace:
    """Lets results go to other segments, and keeps the prompts of those they went to before.

    The styles of a tumour show the same prompts, and so does a lesion that begins with what was outlined as a tumour.
    Any other lesion begins with what its segment holds, and so does a tumour that was left for one. A lesion in which
    nothing was done since it began with the tumour is none once the tumour is chosen again.

    Args:
        session: Whose prompts are those of the segments in use.
        view: Writes into the segments.

    Attributes:
        kept: Of the places that results went to before.
    """

    def __init__(self, session: Session, view: SegmentView) -> None:
        self._session = session
        self._view = view
        self.kept: dict[Place, tuple[PromptHistory, str | None]] = {}

    def masks(self) -> tuple[Prompt, ...]:
        """The masks edited by hand of all steps at all places, each id once."""
        histories = [self._session.history, *(history for history, _ in self.kept.values())]
        return tuple({mask.id: mask for history in histories for mask in history.masks()}.values())

    def open(self, masks: Mapping[str, Prompt], refused: dict[str, str]) -> None:
        """Bring what is kept onto the grid of the session's study, see `PromptHistory.carried`."""
        for place, (history, weights) in self.kept.items():
            self.kept[place] = history.carried(self._session.usable, masks, refused), weights

    def set_style(self, style: SegmentStyle) -> bool:
        """Write results in another way from now on. Returns whether they go to other segments than before, into which
        what the session shows is to be written.

        Raises:
            OutputError: There is no such way; all stays as it was.
        """
        before = self._view.style
        old, new = (before.style, before.lesion_segment), (style.style, style.lesion_segment)
        lesions = [name == "lesion" for name, _ in (old, new)]
        is_copy = lesions == [True, False] and self._session.history == self.kept.get(new, (None, None))[0]
        if not self._view.set_style(style, is_copy):
            return False
        kept = self.kept.pop(new, None)
        if any(lesions):
            if not is_copy:
                self.kept[old] = self._shown(), self._session.weights
            if all(lesions) or not self._view.is_empty:
                self._take_up(kept or (PromptHistory(), None))
        else:
            self.kept.pop(old, None)
        return True

    def _take_up(self, kept: tuple[PromptHistory, str | None]) -> None:
        """Go on from what the segments hold, with the prompts that belong to them."""
        self._session.stop()
        self._session.restore(*kept)
        self._session.masks = self._session.shown = None
        self._view.forget()
        while self._session.study is not None and not self._view.is_read:
            found = self._view.read_next()
            if found is not None:
                self._session.adopt(*found)

    def _shown(self) -> PromptHistory:
        """The history at the step that is shown: what is not answered yet can be done again."""
        history = self._session.history
        while self._session.request() is not None and history.can_undo and history.snapshot != self._session.shown:
            history = history.undo()
        return history
