"""The demonstration: a digital phantom made on the spot, or a labelled case, segmented by a robot that clicks.

The phantom needs the extra `demo` (nilearn) and no torch; `GliomaSAMLib.demo.run` clicks, on any case with a truth.
"""

from .phantom import Phantom, PhantomOptions, make_phantom

__all__ = ["Phantom", "PhantomOptions", "make_phantom"]
