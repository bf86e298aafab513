"""A simulated user of the panel, and quick answers for tests in which the model does not matter."""
