"""Container images of functions: their names, and what is run of them."""
