"""What a user is told about prompts that the model does not read."""

from collections.abc import Sequence

from ..prompts import Prompt

_NAMES = {"point": "clicks", "scribble": "scribbles", "box": "boxes", "mask": "drawn masks"}
_EFFECTS = {
    "point": "each is obeyed where it is, and corrects its surroundings",
    "scribble": "each is obeyed where it is, and corrects its surroundings",
    "box": "they have no effect; give clicks, or choose a model that reads boxes",
    "mask": "what was drawn is kept as it is",
}


def unread_notes(model: str, read: Sequence[str], prompts: Sequence[Prompt]) -> list[str]:
    """A sentence for each kind among `prompts` that is not one of the kinds `read` by the model of that name."""
    kinds = dict.fromkeys(prompt.kind for prompt in prompts)
    return [f"{model} does not read {_NAMES[kind]}: {_EFFECTS[kind]}" for kind in kinds if kind not in read]
