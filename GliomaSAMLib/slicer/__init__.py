"""The only room that knows MRML: volume nodes in, prompts from markups, masks into segments, results and the worker.

Nothing is imported here: the panel takes each name from its file, so that the module opens in a Slicer where nothing is
installed yet.
"""
