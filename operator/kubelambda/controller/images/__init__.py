"""Images of functions: from the name in a spec to a digest and to what is run."""
