"""Settings: every bad value ends the start with a message that names the variable."""

from pathlib import Path

import pytest

from kubelambda.config import ControllerSettings, GatewaySettings, SettingError


def test_fields_are_read_from_variables_of_their_names() -> None:
    settings = ControllerSettings.from_environment(
        {
            "KUBELAMBDA_DEMAND_PORT": "9103",
            "KUBELAMBDA_LEADER_ELECTION": "false",
            "KUBELAMBDA_PRIVATE_CIDRS": "10.0.0.0/8, 192.168.0.0/16",
            "KUBELAMBDA_ALLOWED_CODE_HOSTS": "minio.apps:9000,[fd00::9]:9000",
            "KUBELAMBDA_IDLE_TIMEOUT_S": "2.5",
            "PATH": "/bin",
        }
    )
    assert settings.demand_port == 9103
    assert settings.leader_election is False
    assert settings.private_cidrs == ("10.0.0.0/8", "192.168.0.0/16")
    assert settings.allowed_code_hosts == ("minio.apps:9000", "[fd00::9]:9000")
    assert settings.idle_timeout_s == 2.5


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"KUBELAMBDA_PUBLIC_PORT": "many"}, "KUBELAMBDA_PUBLIC_PORT is 'many'; it wants a int"),
        ({"KUBELAMBDA_ANONYMOUS_INVOCATION": "yes"}, "it wants true or false"),
        ({"KUBELAMBDA_SCOPE": "Galaxy"}, "it wants Cluster or Namespaced"),
        ({"KUBELAMBDA_SCOPE": "Namespaced"}, "KUBELAMBDA_WATCH_NAMESPACES is empty"),
        ({"KUBELAMBDA_ANSWERS_BYTES_MAX": "1000000"}, "which one answer may need"),
        ({"KUBELAMBDA_INTERNAL_KEY_GENERATION": "0"}, "INTERNAL_KEY_GENERATION .* 1 or more"),
    ],
)
def test_a_bad_value_is_refused_by_name(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        GatewaySettings.from_environment(variables)


def test_a_registry_that_is_none_ends_the_start_of_the_controller() -> None:
    variables = {"KUBELAMBDA_ALLOWED_REGISTRIES": "registry.example,https://other/x"}
    with pytest.raises(
        SettingError, match=r"ALLOWED_REGISTRIES: 'https://other/x' is not a registry"
    ):
        ControllerSettings.from_environment(variables)


def test_a_leader_renews_at_least_twice_before_its_lease_runs_out() -> None:
    variables = {"KUBELAMBDA_LEASE_DURATION_S": "4", "KUBELAMBDA_LEASE_RENEW_S": "3"}
    with pytest.raises(SettingError, match="at most half of LEASE_DURATION_S"):
        ControllerSettings.from_environment(variables)


@pytest.mark.parametrize("content", ["", "short", " " * 64])
def test_a_master_secret_that_is_no_secret_is_fatal(tmp_path: Path, content: str) -> None:
    """Rule A6: a present-but-empty key is fatal, never "auth off"."""
    secret = tmp_path / "secret"
    secret.write_text(content)
    settings = GatewaySettings(master_secret_file=secret)
    with pytest.raises(SettingError, match="at least 32"):
        settings.read_master_secret()


def test_an_absent_master_secret_is_fatal(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot read the master secret"):
        GatewaySettings(master_secret_file=tmp_path / "none").read_master_secret()
