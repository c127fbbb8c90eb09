"""The packages of the functions that are served right now."""

from kubelambda.catalog.index import FunctionIndex


def list_served_packages(index: FunctionIndex) -> frozenset[str]:
    """SHA-256 of the code and of the layers of every function of ``index``."""
    served = [function for ref in index.refs() if (function := index.get(ref)) is not None]
    return frozenset().union(*(function.packages for function in served))
