"""The examples answer what their READMEs say, whatever language they are in."""

from pathlib import Path

import pytest
import yaml

from conformance.conftest import INSTALL
from conformance.lambda_api.invoker import Invoker
from conformance.runtimes.languages import LANGUAGES

EXAMPLES = Path(__file__).parents[3] / "examples"


NAMES = [name for name in LANGUAGES if (EXAMPLES / f"hello-{name}/function.yaml").is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_a_hello_greets_and_says_so_in_the_log(
    invoker: Invoker, absent: dict[str, str], name: str
) -> None:
    if name in absent:
        pytest.skip(f"{name}: {absent[name]}: {INSTALL}")
    manifest = yaml.safe_load((EXAMPLES / f"hello-{name}" / "function.yaml").read_text())
    answer = invoker(invoker.put(**manifest["spec"]), {"name": "you"}, LogType="Tail")
    assert answer.value == {"message": "Hello, you!"}
    assert "greeting you" in answer.tail
