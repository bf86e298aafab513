"""Follow-up in the scene: visits, their outlines, the comparison of them, callipers, views side by side, the curve."""
