"""The variables that an agent of local mode is started with.

Contract: what a pod's agent gets on a cluster (runtimes/README.md), with paths of this machine. Of
the user's own environment it gets INHERITED_VARIABLES and, if the code comes from S3, what
begins with S3_PREFIX; nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from kubelambda.core.model.function import Function
from kubelambda.core.packages.language_paths import Roots, build_local_paths
from kubelambda.core.wire.keys import derive_function_key
from kubelambda.local.bootstrap import Bootstrap
from kubelambda.local.environments.isolation import EnvironmentPaths

INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")
ALLOWED_CODE_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Code may come from this machine, by plain http too."""
OPT_VARIABLE = "_KUBELAMBDA_OPT_ROOT"
"""Tells the runtimes' bootstraps what takes the place of /opt (runtimes/README.md)."""
S3_PREFIX = "KUBELAMBDA_S3_"
"""Access to S3: on a cluster from a Secret, here from the user's own environment."""


@dataclass(frozen=True, slots=True)
class AgentVariables:
    """What is the same for every environment."""

    gateway_address: str
    master_secret: bytes
    user_environment: Mapping[str, str]

    def build(
        self, function: Function, pod: str, paths: EnvironmentPaths, bootstrap: Bootstrap
    ) -> dict[str, str]:
        """The whole environment of the agent process."""
        inherited = select_inherited(self.user_environment)
        key = derive_function_key(self.master_secret, function.uid, 1)
        return {
            **inherited,
            **_build_language_paths(paths, bootstrap, inherited.get("PATH", "")),
            **bootstrap.variables,
            "KUBELAMBDA_GATEWAY": self.gateway_address,
            "KUBELAMBDA_NAMESPACE": function.ref.namespace,
            "KUBELAMBDA_FUNCTION": function.ref.name,
            "KUBELAMBDA_FUNCTION_UID": function.uid,
            "KUBELAMBDA_KEY": key.hex(),
            "KUBELAMBDA_KEY_GENERATION": "1",
            "KUBELAMBDA_CONFIG_DIGEST": function.config_digest,
            "KUBELAMBDA_REVISION": "local",
            "KUBELAMBDA_POD": pod,
            "KUBELAMBDA_POD_UID": pod,
            "KUBELAMBDA_BOOTSTRAP": json.dumps(list(bootstrap.argv)),
            "KUBELAMBDA_TASK_ROOT": paths.task,
            "KUBELAMBDA_OPT_ROOT": paths.opt,
            "KUBELAMBDA_RUNTIME_API_ADDRESS": "127.0.0.1:0",
            **paths.variables,
            **self._build_code_variables(function),
        }

    def _build_code_variables(self, function: Function) -> dict[str, str]:
        """As on a cluster, only for functions whose code is fetched."""
        if not function.fetches_code:
            return {}
        access = {
            name: value
            for name, value in self.user_environment.items()
            if name.startswith(S3_PREFIX)
        }
        return {
            "KUBELAMBDA_ALLOWED_CODE_HOSTS": ",".join(ALLOWED_CODE_HOSTS),
            **(access if function.uses_s3 else {}),
        }


def select_inherited(user_environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the user's environment that every agent gets."""
    return {
        name: user_environment[name] for name in INHERITED_VARIABLES if name in user_environment
    }


def _build_language_paths(
    paths: EnvironmentPaths, bootstrap: Bootstrap, machine_path: str
) -> dict[str, str]:
    """The language's path variables, with the environment's directories instead of an image's."""
    roots = Roots(
        task=paths.task,
        opt=paths.opt,
        runtime=bootstrap.runtime_directory,
        lang=bootstrap.lang_directory,
        modules=bootstrap.modules,
    )
    found = build_local_paths(bootstrap.language, bootstrap.versions, roots, machine_path)
    return {**found, OPT_VARIABLE: roots.opt}
