"""How the controller names objects, and the keys of its work queue.

Contract: plain tuples of strings, so that they serve as keys and can be joined for a log.
"""

Key = tuple[str, str]
"""Namespace and name of an object."""
WorkKey = tuple[str, str, str]
"""Kind of work, namespace and name."""


def function_key(namespace: str, name: str) -> WorkKey:
    """The key under which a function is reconciled."""
    return ("function", namespace, name)


def version_key(namespace: str, name: str) -> WorkKey:
    """The key under which a LambdaVersion is reconciled."""
    return ("version", namespace, name)


def serving_key(namespace: str, name: str) -> WorkKey:
    """The key of what has pods: a function, or a version, which has a dot in its name."""
    return version_key(namespace, name) if "." in name else function_key(namespace, name)


def publish_key(namespace: str, name: str) -> WorkKey:
    """The key under which a function with ``publish: true`` gets another version."""
    return ("publish", namespace, name)


def alias_key(namespace: str, name: str) -> WorkKey:
    """The key under which a LambdaAlias is reconciled."""
    return ("alias", namespace, name)


def layer_key(namespace: str, name: str) -> WorkKey:
    """The key under which a layer version is reconciled."""
    return ("layer", namespace, name)


def runtime_key(name: str) -> WorkKey:
    """The key under which a LambdaRuntime is reconciled; ``name`` is the identifier."""
    return ("runtime", "", name)


def namespace_key(namespace: str) -> WorkKey:
    """The key under which the NetworkPolicy of a namespace is reconciled."""
    return ("namespace", namespace, "")
