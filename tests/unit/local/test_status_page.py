"""`GET /` of local mode lists functions and their state."""

import json
from dataclasses import replace

from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import FunctionRef
from kubelambda.local.status_page import describe_functions, render_page
from unit.functions import make_function

GOOD = make_function(
    ref=FunctionRef("default", "hello"),
    code=InlineFiles({"app.py": "SECRET_CODE"}),
    environment={"NAME": "SECRET_VALUE"},
)
BAD = replace(
    GOOD,
    ref=FunctionRef("default", "bad"),
    function_name="bad",
    ready=False,
    stalled_reason="InvalidSpec",
    stalled_message="<script>alert(1)</script>",
)
ROWS = describe_functions([GOOD, BAD], "us-east-1")
PROBLEMS = ["a.yaml: cannot be read <b>"]


def test_a_browser_gets_html_in_which_nothing_of_the_users_is_markup() -> None:
    page = render_page(ROWS, PROBLEMS, "text/html,application/xhtml+xml,*/*;q=0.8")
    text = page.body.decode()
    assert page.content_type == "text/html; charset=utf-8"
    assert "hello" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "cannot be read &lt;b&gt;" in text
    assert "<script>" not in text


def test_a_program_may_ask_for_json() -> None:
    page = render_page(ROWS, PROBLEMS, "application/json")
    assert page.content_type == "application/json"
    found = json.loads(page.body)
    assert [function["name"] for function in found["functions"]] == ["bad", "hello"]
    assert [function["state"] for function in found["functions"]] == ["Failed", "Active"]
    assert found["functions"][1]["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:hello"
    assert found["problems"] == PROBLEMS


def test_everybody_else_gets_text() -> None:
    page = render_page(ROWS, PROBLEMS, "*/*")
    assert page.content_type.startswith("text/plain")
    assert "hello python3.13 Active" in page.body.decode()
    assert "not served: a.yaml" in page.body.decode()


def test_neither_code_nor_values_of_variables_are_shown() -> None:
    for accept in ("text/html", "application/json", ""):
        assert b"SECRET" not in render_page(ROWS, PROBLEMS, accept).body
