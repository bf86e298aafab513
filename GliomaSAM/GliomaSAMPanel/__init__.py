"""The panel of the module, a file a section. Qt lives here; what the sections do lives in `GliomaSAMLib.slicer`."""
