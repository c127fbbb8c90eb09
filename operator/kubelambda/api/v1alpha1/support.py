"""Which fields of a function's spec this release does not act upon yet.

Contract: pure. Nothing is ignored in silence: a function that sets such a field is Stalled with
reason FeatureNotAvailable and the fields' names. A field leaves ``_UNSUPPORTED`` in the commit that
makes it work. LIMIT: everything listed here, see docs/limits.md.
"""

from collections.abc import Callable

from kubelambda.api.v1alpha1.function import LambdaFunctionSpec

_Probe = Callable[[LambdaFunctionSpec], object]

_UNSUPPORTED: tuple[tuple[str, _Probe], ...] = (
    ("architectures", lambda spec: spec.architectures),
    ("role", lambda spec: spec.role),
    ("vpcConfig", lambda spec: spec.vpc_config),
    ("deadLetterConfig", lambda spec: spec.dead_letter_config),
    ("functionEventInvokeConfig", lambda spec: spec.function_event_invoke_config),
    ("provisionedConcurrencyConfig", lambda spec: spec.provisioned_concurrency_config),
    (
        "tracingConfig.mode: Active",
        lambda spec: spec.tracing_config and spec.tracing_config.mode == "Active",
    ),
    ("functionURLConfig", lambda spec: spec.function_url_config),
)


def unsupported_fields(spec: LambdaFunctionSpec) -> list[str]:
    """Fields that are set to something that has no effect yet, in a fixed order."""
    return [name for name, probe in _UNSUPPORTED if probe(spec)]
