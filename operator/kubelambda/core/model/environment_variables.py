"""The environment variables of a runtime process (spec/lambda.md, section 6.5).

Contract: pure. The agent adds what only it knows (the Runtime API's address, the log stream). User
variables override those that AWS lets them override. A function that was admitted sets no reserved
variable; if it does all the same, the reserved value wins.
"""

import re
from typing import Any

from kubelambda.core.model.code import ContainerImage, encode_code
from kubelambda.core.model.function import Function

_IDENTIFIER = re.compile(r"([a-z]+?)\.?((?:al)?\d[\da-z.]*?)(?:\.x)?")
"""Language and version in an identifier: nodejs22.x, provided.al2023."""

# Functions without a role still get credentials-shaped variables: SDKs insist on some.
PLACEHOLDER_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "kubelambda",
    "AWS_SECRET_ACCESS_KEY": "kubelambda",
    "AWS_SESSION_TOKEN": "kubelambda",
}


def build_environment(function: Function, region: str) -> dict[str, str]:
    """Variables for ``configure``: overridable ones, then the user's, then the reserved ones."""
    overridable = {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}
    is_image = isinstance(function.code, ContainerImage)
    if not is_image:  # an image has its own locales, and says which
        overridable |= {"LANG": "en_US.UTF-8", "TZ": ":UTC"}
    reserved = {
        **PLACEHOLDER_CREDENTIALS,
        "_HANDLER": function.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs.resolve_group(function.function_name),
        **function.logs.list_variables(),
    }
    if is_image:
        reserved["AWS_EXECUTION_ENV"] = "AWS_Lambda_Image"
    elif not function.runtime.startswith("provided"):
        reserved["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"
    return overridable | dict(function.environment) | reserved


def build_configure(function: Function, region: str) -> dict[str, Any]:
    """The ``configure`` frame for an environment of ``function`` (docs/link.md, section 4)."""
    version, version_arn = _describe_runtime(function.runtime, region)
    return {
        "functionName": function.function_name,
        "functionVersion": function.version,
        "invokedArn": function.arn(region),
        "memorySizeMB": function.memory_mb,
        "timeoutMs": function.timeout_s * 1000,
        "initTimeoutMs": 10_000,
        "initializationType": "on-demand",
        "handler": function.handler,
        "environment": build_environment(function, region),
        "runtimeVersion": version,
        "runtimeVersionArn": version_arn,
        "logFormat": function.logs.format,
        "systemLogLevel": function.logs.system_level,
        "logGroup": function.logs.group,
        "code": encode_code(function.code),
        "layers": [
            encode_code(layer.content) for layer in function.layers if layer.content is not None
        ],
    }


def _describe_runtime(runtime: str, region: str) -> tuple[str, str]:
    """Version and ARN of a runtime of ours; both empty for an image, which has none."""
    if not runtime:
        return "", ""
    known = _IDENTIFIER.fullmatch(runtime)
    name = f"{known[1]}:{known[2]}" if known else runtime
    return f"{name}.v1", f"arn:aws:lambda:{region}::runtime:kubelambda-{runtime}"
