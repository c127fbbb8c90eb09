"""Hands over to AWS's runtime client, with the module path in Lambda's order.

Contract: the function's own copy of a module wins over layers, layers win over what the image
bundles (spec/lambda.md, section 6.3). Started by ``bootstrap`` with the handler as its argument.
"""

import os
import sys
from collections.abc import Sequence


def order_path(path: Sequence[str], task_root: str, runtime_dir: str, version: str) -> list[str]:
    """``path`` with the function's directory and its layers in front, the runtime's kept."""
    first = [task_root, f"/opt/python/lib/python{version}/site-packages", "/opt/python"]
    rest = [entry for entry in path if entry not in first]
    if runtime_dir not in rest:
        rest.append(runtime_dir)  # the user may have set PYTHONPATH
    return first + rest


if __name__ == "__main__":
    sys.path[:] = order_path(
        sys.path,
        os.environ.get("LAMBDA_TASK_ROOT", "/var/task"),
        os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    from awslambdaric.__main__ import main

    main(sys.argv)
