"""Pure builders of manifests: from values to dictionaries, no I/O, no clock."""
