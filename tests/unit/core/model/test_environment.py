"""The runtime process sees Lambda's environment (spec 6.5)."""

from dataclasses import replace

import pytest

from kubelambda.core.model.code import ContainerImage
from kubelambda.core.model.environment_variables import build_configure, build_environment
from kubelambda.core.model.function import Function
from kubelambda.core.model.log_config import build_log_config
from unit.functions import make_function


def make_configured(**environment: str) -> Function:
    return make_function(function_name="Hello", memory_mb=512, environment=environment)


def test_the_functions_facts_are_there() -> None:
    variables = build_environment(make_configured(), "eu-west-1")
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "Hello"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["_HANDLER"] == "app.handler"


def test_an_image_keeps_its_own_locales_and_has_no_runtime_of_ours() -> None:
    image = replace(make_configured(), runtime="", code=ContainerImage())
    variables = build_environment(image, "eu-west-1")
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_Image"
    assert variables["_HANDLER"] == "app.handler"
    assert not {"LANG", "TZ"} & variables.keys()
    fields = build_configure(image, "eu-west-1")
    assert (fields["runtimeVersion"], fields["runtimeVersionArn"]) == ("", "")
    assert fields["code"] == {"image": True}


def test_users_may_override_tz_but_no_reserved_name() -> None:
    variables = build_environment(
        make_configured(TZ="Europe/Berlin", AWS_REGION="mars"), "eu-west-1"
    )
    assert variables["TZ"] == "Europe/Berlin"
    assert variables["AWS_REGION"] == "eu-west-1"


def test_the_concurrency_of_managed_instances_is_never_set() -> None:
    """Spec 1.8: Python switches to its multi-process runner whenever it is present."""
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in build_environment(make_configured(), "eu-west-1")


def test_configure_carries_code_timeout_and_arn() -> None:
    fields = build_configure(make_configured(), "eu-west-1")
    assert fields["invokedArn"] == "arn:aws:lambda:eu-west-1:123456789012:function:Hello"
    assert (fields["timeoutMs"], fields["memorySizeMB"]) == (3000, 512)
    assert fields["code"] == {"inline": {"app.py": ""}}
    assert fields["runtimeVersion"] == "python:3.13.v1"


@pytest.mark.parametrize(
    ("runtime", "version"),
    [
        ("python3.13", "python:3.13.v1"),
        ("nodejs22.x", "nodejs:22.v1"),
        ("java21", "java:21.v1"),
        ("java8.al2", "java:8.al2.v1"),
        ("ruby3.3", "ruby:3.3.v1"),
        ("dotnet8", "dotnet:8.v1"),
        ("provided.al2023", "provided:al2023.v1"),
        ("provided.al2", "provided:al2.v1"),
        ("provided", "provided.v1"),
    ],
)
def test_the_version_of_a_runtime_is_written_as_awss_are(runtime: str, version: str) -> None:
    """Spec 2.7: in INIT_START."""
    fields = build_configure(replace(make_configured(), runtime=runtime), "eu-west-1")
    assert fields["runtimeVersion"] == version


def test_text_has_no_variables_for_logging() -> None:
    """Spec 2.8: the platform sets them with JSON only."""
    function = replace(make_configured(), logs=build_log_config({"logFormat": "Text"}))
    variables = build_environment(function, "eu-west-1")
    assert not {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"} & variables.keys()
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/Hello"


def test_json_without_levels_means_info_for_both() -> None:
    function = replace(make_configured(), logs=build_log_config({"logFormat": "JSON"}))
    variables = build_environment(function, "eu-west-1")
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "INFO"
    fields = build_configure(function, "eu-west-1")
    assert (fields["logFormat"], fields["systemLogLevel"], fields["logGroup"]) == (
        "JSON",
        "INFO",
        "",
    )


def test_levels_and_group_reach_runtime_and_agent() -> None:
    logs = build_log_config(
        {
            "logFormat": "JSON",
            "applicationLogLevel": "TRACE",
            "systemLogLevel": "WARN",
            "logGroup": "team-a",
        }
    )
    function = replace(make_configured(), logs=logs)
    variables = build_environment(function, "eu-west-1")
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "TRACE"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "team-a"
    fields = build_configure(function, "eu-west-1")
    assert (fields["systemLogLevel"], fields["logGroup"]) == ("WARN", "team-a")


@pytest.mark.parametrize(
    "spec",
    [
        {"logFormat": "JSON"},
        {"logFormat": "JSON", "applicationLogLevel": "DEBUG"},
        {"logFormat": "JSON", "systemLogLevel": "DEBUG"},
        {"logGroup": "team-a"},
    ],
)
def test_a_change_of_logging_makes_new_environments(spec: dict[str, str]) -> None:
    """The config digest covers it."""
    changed = replace(make_configured(), logs=build_log_config(spec))
    assert changed.config_digest != make_configured().config_digest


def test_info_said_or_unsaid_is_the_same_configuration() -> None:
    said = build_log_config(
        {"logFormat": "JSON", "applicationLogLevel": "INFO", "systemLogLevel": "INFO"}
    )
    assert said == build_log_config({"logFormat": "JSON"})
