"""The errors a user meets. Their text is what a clinician reads: what is wrong, and what to do."""


class GliomaSAMError(Exception):
    """Base of every error that GliomaSAM raises on purpose."""


class StudyError(GliomaSAMError):
    """A volume that cannot be used, or volumes that do not fit together."""


class PromptError(GliomaSAMError):
    """A click, box, scribble or mask that cannot be used."""


class WeightsError(GliomaSAMError):
    """A weights file that is absent, damaged, or made for something else."""


class ModelError(GliomaSAMError):
    """A method, device or combination of parts that does not exist or makes no sense."""


class OutputError(GliomaSAMError):
    """A result that cannot be written."""


class CaseError(GliomaSAMError):
    """A training or evaluation case, split or checkpoint that cannot be used."""


class Cancelled(GliomaSAMError):
    """The user stopped the work. What was finished before is kept."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: of Python and NumPy, of ITK, of PyTorch on any device, or for a
    library that was being loaded.
    """
    texts = ("out of memory", "allocate memory", "not enough memory", "failed to map segment")
    told = isinstance(error, RuntimeError | ImportError | OSError) and any(text in str(error).lower() for text in texts)
    of_torch = type(error).__name__ == "OutOfMemoryError"  # by its name: nothing here imports torch
    return isinstance(error, MemoryError) or of_torch or told
