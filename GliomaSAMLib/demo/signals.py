"""What an MR scanner measures of a tissue: signal equations of spin echo and inversion recovery.

Equations as in Bernstein, King and Zhou, Handbook of MRI Pulse Sequences, 2004, chapters 14.2 and 14.3. Times in ms.
"""

from dataclasses import dataclass

import numpy as np

RELAXIVITY = 4.5
"""Of a gadolinium agent in tissue at 3 T, per mmol/L and second."""

Values = float | np.ndarray


@dataclass(frozen=True)
class Tissue:
    """Proton density relative to water, T1 and T2 in ms, and how much contrast agent it takes up in mmol/L."""

    density: Values
    t1: Values
    t2: Values
    agent: Values = 0.0


WHITE = Tissue(0.70, 800.0, 72.0, 0.01)
GREY = Tissue(0.82, 1350.0, 88.0, 0.02)
FLUID = Tissue(1.00, 4200.0, 600.0)
OEDEMA = Tissue(0.83, 1500.0, 178.0, 0.03)
NECROSIS = Tissue(0.90, 1800.0, 215.0, 0.03)
ENHANCING = Tissue(0.84, 1500.0, 145.0, 0.38)
VESSEL = Tissue(0.80, 1700.0, 22.0, 1.80)


def spin_echo(tissue: Tissue, repetition: float, echo: float) -> Values:
    """Signal of a spin echo: rho (1 - exp(-TR / T1)) exp(-TE / T2)."""
    return tissue.density * (1.0 - np.exp(-repetition / tissue.t1)) * np.exp(-echo / tissue.t2)


def inversion_recovery(tissue: Tissue, repetition: float, inversion: float, echo: float) -> Values:
    """Magnitude of an inversion recovery spin echo: rho |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2)."""
    recovery = 1.0 - 2.0 * np.exp(-inversion / tissue.t1) + np.exp(-repetition / tissue.t1)
    return tissue.density * np.abs(recovery) * np.exp(-echo / tissue.t2)


def nulling_inversion(t1: float, repetition: float) -> float:
    """The inversion time in ms at which a tissue of this T1 gives no signal."""
    return float(t1 * np.log(2.0 / (1.0 + np.exp(-repetition / t1))))


def with_agent(tissue: Tissue) -> Tissue:
    """The tissue after contrast agent: 1 / T1 grows by relaxivity times concentration."""
    rate = 1.0 / np.asarray(tissue.t1) + RELAXIVITY * np.asarray(tissue.agent) / 1000.0
    return Tissue(tissue.density, 1.0 / rate, tissue.t2)


def contrasts(tissue: Tissue) -> dict[str, Values]:
    """The signal of a tissue in the four sequences of a glioma protocol, by modality name."""
    inversion = nulling_inversion(float(np.asarray(FLUID.t1)), 9000.0)
    return {
        "t1": spin_echo(tissue, 550.0, 10.0),
        "t1c": spin_echo(with_agent(tissue), 550.0, 10.0),
        "t2": spin_echo(tissue, 5000.0, 100.0),
        "flair": inversion_recovery(tissue, 9000.0, inversion, 120.0),
    }
