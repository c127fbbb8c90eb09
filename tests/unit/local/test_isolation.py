"""An environment of local mode sees what is mounted for it alone."""

import json
from pathlib import Path

from kubelambda.local.isolation import HOSTS, Isolation


def test_the_names_of_the_sandbox_are_added_to_those_of_the_machine(tmp_path: Path) -> None:
    told = Isolation(("unshare", "--mount", "--")).prepare(tmp_path)
    (source,) = json.loads(told["KUBELAMBDA_MOUNTS"]).values()
    text = Path(source).read_text()
    assert text.startswith(HOSTS.read_text())
    assert text.endswith("\n127.0.0.1 sandbox.localdomain sandbox\n")


def test_nothing_is_mounted_where_the_machine_has_no_namespaces(tmp_path: Path) -> None:
    assert Isolation().prepare(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
