"""What local mode prints: the functions it serves, commands to try, and what it cannot serve.

Contract: pure. Never shows the value of an environment variable or a line of code.
"""

from collections.abc import Sequence

from kubelambda.catalog.loaded import Loaded, Problem, Remark
from kubelambda.core.model.function import Function
from kubelambda.core.model.runtime_table import list_tested
from kubelambda.local.bootstrap import Unavailable, plan_bootstrap
from kubelambda.local.environments.isolation import Isolation
from kubelambda.local.machine import Machine
from kubelambda.local.status_page import INVOKE_PATH


def render_banner(
    url: str, functions: Sequence[Function], machine: Machine, isolation: Isolation
) -> str:
    """The functions and, for one of them that can run, commands to paste.

    ``functions`` are as they are served: the message of one that cannot run says why.
    """
    accounts = dict.fromkeys(
        (function.account_id, function.ref.namespace) for function in functions
    )
    lines = [f"kubelambda local mode at {url}"]
    lines += [f"account {account} (namespace {namespace})" for account, namespace in accounts]
    lines.append("")
    lines += [_render_function(function, machine) for function in functions]
    if not functions:
        lines += ["  Nothing is served yet: correct what is named above. Or apply functions:"]
        lines += [f"    kubelambda apply --endpoint-url {url} -f FILE"]
    runnable = [function for function in functions if not function.cannot_run]
    if runnable:
        chosen = min(runnable, key=_order_to_try)
        lines += ["", "Try:", *_render_tries(url, chosen.function_name)]
    lines += [
        "",
        "Functions here use this machine's memory, CPU, disk and network without limits.",
        isolation.notice,
    ]
    lines += [
        f"The same list for a browser: {url}/",
        "Edit a file and invoke again: local mode reads it again. Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def render_problems(problems: Sequence[Problem], loaded: Loaded) -> str:
    """One line for each document that was left out, and what is served as before."""
    return "\n".join(_render_problem(problem, loaded) for problem in problems)


def render_remarks(remarks: Sequence[Remark]) -> str:
    """One line for each field that local mode treats in another way than a cluster."""
    return "\n".join(f"note: {remark.path}: {remark.message}" for remark in remarks)


def _render_problem(problem: Problem, loaded: Loaded) -> str:
    line = f"not served: {problem}"
    names = [
        function.function_name
        for function in loaded.functions
        if loaded.kept(function, problem.path)
    ]
    return f"{line} (served as before: {', '.join(names)})" if names else line


def _order_to_try(function: Function) -> tuple[bool, bool]:
    """A hello first, and of those one in Python, which this machine certainly has."""
    is_hello = function.function_name.startswith("hello")
    return not is_hello, not function.runtime.startswith("python")


def _render_function(function: Function, machine: Machine) -> str:
    if function.cannot_run:
        return f"  {function.function_name}  not available here: {function.stalled_message}"
    bootstrap = plan_bootstrap(function.runtime, function.handler, machine)
    remarks = []
    if not isinstance(bootstrap, Unavailable) and bootstrap.warning:
        remarks.append(bootstrap.warning)
    if function.runtime not in list_tested():
        remarks.append("on a cluster the chart installs no runtime of this name")
    note = f"  ({'; '.join(remarks)})" if remarks else ""
    return (
        f"  {function.function_name}  {function.runtime}, {function.memory_mb} MB, "
        f"{function.timeout_s} s{note}"
    )


def _render_tries(url: str, name: str) -> list[str]:
    return [
        f"""  curl -d '{{"name": "you"}}' {url}{INVOKE_PATH.format(name=name)}""",
        f"""  aws lambda invoke --endpoint-url {url} --region us-east-1 --no-sign-request \\""",
        f"""    --function-name {name} --payload fileb:///dev/stdin /dev/stdout \\""",
        """    <<< '{"name": "you"}'""",
        "  python3 -c \"import boto3; print(boto3.client('lambda', region_name='us-east-1', \\",
        f"    endpoint_url='{url}', aws_access_key_id='x', aws_secret_access_key='x') \\",
        f"    .invoke(FunctionName='{name}', Payload='{{}}')['Payload'].read())\"",
    ]
