"""The methods, one a file, and the distillation that trains some of them."""
