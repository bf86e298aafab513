"""A slice view off screen: Slicer's own slice logic, displayable managers and interactor style, with a simulated mouse.

Does not prove: what the application's window adds round the view (controllers, corner annotations, layouts), the 3D
view, the speed of a graphics card. No Qt.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

DEBIAN_PACKAGES = "libgl1-mesa-dri libgl1 libegl1 libegl-mesa0 libosmesa6 libglx-mesa0 libxrender1 libxcursor1"
"""What rendering without a screen needs, besides what Qt does."""

DISPLAYABLE_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
)
STEPS = 8
"""Moves of the mouse in a drag."""


def rendering_problem() -> str:
    """Why nothing can be drawn on this machine, or an empty text."""
    if not sys.platform.startswith("linux"):
        return ""
    for library in ("libEGL.so.1", "libOSMesa.so.8"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return ""
    return f"nothing can be drawn without a screen; an administrator may install {DEBIAN_PACKAGES}"


def prepare_rendering() -> None:
    """Let VTK draw without a screen."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


def rendered(window: Any) -> Any:
    """The picture that a window rendered last, as vtkImageData."""
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.ShouldRerenderOff()
    grabber.Update()
    return grabber.GetOutput()


def pixels_of(image: Any) -> np.ndarray:
    """Its pixels, uint8 (rows from the top, columns, RGB)."""
    columns, rows, _ = image.GetDimensions()
    return np.ascontiguousarray(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)[::-1])


class SliceView:
    """One slice view. Pixels (x, y) count from the lower left corner; places are RAS in mm."""

    def __init__(self, name: str = "Red", orientation: str = "Axial", size: tuple[int, int] = (400, 400)) -> None:
        prepare_rendering()
        self.name = name
        self._observations: list[tuple[Any, int]] = []
        self._make_window(size)
        self._make_logic(name, orientation, size)
        self._make_image()
        self._make_interaction()

    def _make_window(self, size: tuple[int, int]) -> None:
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self._renderer = vtk.vtkRenderer()
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        self.window.AddRenderer(self._renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()

    def _make_logic(self, name: str, orientation: str, size: tuple[int, int]) -> None:
        application_logic = slicer.app.applicationLogic()
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application_logic)
        for manager in DISPLAYABLE_MANAGERS:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.Initialize(factory, self._renderer)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        application_logic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(slicer.mrmlScene)
        present = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode")
        if present is None:
            present = self.logic.AddSliceNode(name)
        self.logic.SetSliceNode(present)
        self.node = present
        self.node.SetOrientation(orientation)
        self.node.SetDimensions(*size, 1)
        self.node.SetFieldOfView(*size, 1)
        self.managers.SetMRMLDisplayableNode(self.node)

    def _make_image(self) -> None:
        """The grey values of the slice behind everything else."""
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self._renderer.AddViewProp(self._image)
        self.observe(self.logic, "ModifiedEvent", self._update_image)
        self._update_image()

    def _make_interaction(self) -> None:
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(self.logic)
        self._style.SetDisplayableManagers(self.managers)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._style.SetInteractor(self.interactor)

    def _update_image(self, *_: Any) -> None:
        connection = self.logic.GetImageDataConnection()
        if connection is not None:
            self._image.GetMapper().SetInputConnection(connection)
        self._image.SetVisibility(connection is not None)

    def observe(self, observed: Any, event: Any, function: Any) -> None:
        """Observe something until the view is closed."""
        self._observations.append((observed, observed.AddObserver(event, function)))

    def close(self) -> None:
        """Let go of the scene: no observer of the view is left."""
        for observed, tag in self._observations:
            observed.RemoveObserver(tag)
        self._observations.clear()
        self._style.SetInteractor(None)
        self.managers.SetMRMLDisplayableNode(None)
        slicer.app.applicationLogic().GetSliceLogics().RemoveItem(self.logic)
        self.logic.SetMRMLScene(None)
        self.window.Finalize()

    def show(self, volume_node: Any) -> None:
        """Put a volume into the background and fit it to the view."""
        composite = self.logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(volume_node.GetID() if volume_node is not None else None)
        self.logic.FitSliceToAll()

    def resize(self, width: int, height: int) -> None:
        self.window.SetSize(width, height)
        self.logic.ResizeSliceNode(width, height)

    def jump(self, ras: tuple[float, float, float]) -> None:
        """Move the view along its normal to the slice through a place."""
        self.node.JumpSliceByOffsetting(*ras)

    def ras_to_xy(self, ras: tuple[float, float, float]) -> tuple[float, float]:
        """The pixel of a place, projected onto the slice."""
        matrix = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), matrix)
        x, y, _, _ = matrix.MultiplyPoint((*ras, 1))
        return x, y

    def xy_to_ras(self, x: float, y: float) -> tuple[float, float, float]:
        """The place of a pixel of the slice on show."""
        return tuple(self.node.GetXYToRAS().MultiplyPoint((x, y, 0, 1))[:3])

    def move(self, x: float, y: float, shift: bool = False, control: bool = False) -> None:
        """Move the mouse to a pixel."""
        self.interactor.SetEventInformation(round(x), round(y), control, shift, "\0", 0, None)
        self.interactor.MouseMoveEvent()

    def press(self, button: str = "Left") -> None:
        getattr(self.interactor, f"{button}ButtonPressEvent")()

    def release(self, button: str = "Left") -> None:
        getattr(self.interactor, f"{button}ButtonReleaseEvent")()

    def click(self, x: float, y: float, button: str = "Left") -> None:
        self.move(x, y)
        self.press(button)
        self.release(button)

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "Left") -> None:
        """Press at one pixel, move in `STEPS` moves, release at the other."""
        self.move(*start)
        self.press(button)
        for step in range(1, STEPS + 1):
            self.move(*(a + (b - a) * step / STEPS for a, b in zip(start, end, strict=True)))
        self.release(button)

    def wheel(self, steps: int = 1) -> None:
        """Turn the wheel: forward for positive steps."""
        turn = self.interactor.MouseWheelForwardEvent if steps > 0 else self.interactor.MouseWheelBackwardEvent
        for _ in range(abs(steps)):
            turn()

    def render(self) -> None:
        self.window.Render()

    def pixels(self) -> np.ndarray:
        """The picture, uint8 (rows from the top, columns, RGB)."""
        self.render()
        return pixels_of(rendered(self.window))

    def save(self, path: Path) -> None:
        """Write the picture as PNG."""
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(path))
        self.render()
        writer.SetInputData(rendered(self.window))
        writer.Write()
