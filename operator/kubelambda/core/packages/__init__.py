"""Code and layers as zips and files: checks, digests, and where languages look for them."""
