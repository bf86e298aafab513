"""The module's own texts in the language of Slicer; Slicer itself loads only those that come with it."""

import qt
import slicer


def installTranslation(folder):
    """Install the translator for the language that Slicer was started in.

    Args:
        folder: Holds `GliomaSAM_de.qm` and so on.

    Returns:
        The translator, which works as long as somebody holds it; None where there is none for the language.
    """
    translator = qt.QTranslator()
    if not translator.load(qt.QLocale(slicer.app.applicationLocaleName), "GliomaSAM", "_", folder):
        return None
    qt.QCoreApplication.installTranslator(translator)
    return translator
