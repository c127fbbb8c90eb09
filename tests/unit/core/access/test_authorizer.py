"""What callers may do, and how a refusal is worded."""

import json

import pytest

from kubelambda.core.access.authorizer import (
    ALLOWED,
    INVOKE_FUNCTION,
    LIST_FUNCTIONS,
    PUT_PACKAGE,
    Action,
    AnonymousAuthorizer,
)
from kubelambda.core.access.principal import ANONYMOUS, Principal
from kubelambda.core.access.resource import (
    ANY_RESOURCE,
    FunctionResource,
    PackageResource,
    Resource,
)
from kubelambda.core.errors import ApiError

HELLO = FunctionResource("us-east-1", "123456789012", "shop", "hello")
ACTIONS: list[tuple[Action, Resource]] = [
    (INVOKE_FUNCTION, HELLO),
    (LIST_FUNCTIONS, ANY_RESOURCE),
    (PUT_PACKAGE, PackageResource("0" * 64)),
]
USER = Principal("user", "arn:aws:iam::123456789012:user/ann", "shop")


@pytest.mark.parametrize(("action", "resource"), ACTIONS)
def test_anonymous_callers_may_do_everything_or_nothing(action: Action, resource: Resource) -> None:
    on = AnonymousAuthorizer(allows_anonymous=True)
    assert on.authorize(ANONYMOUS, action, resource) is ALLOWED
    assert on.may_allow(action)
    off = AnonymousAuthorizer(allows_anonymous=False)
    assert isinstance(off.authorize(ANONYMOUS, action, resource), ApiError)
    assert not off.may_allow(action)


@pytest.mark.parametrize("allows_anonymous", [True, False])
def test_whoever_is_not_anonymous_has_no_rights_yet(allows_anonymous: bool) -> None:
    authorizer = AnonymousAuthorizer(allows_anonymous=allows_anonymous)
    decision = authorizer.authorize(USER, INVOKE_FUNCTION, HELLO)
    assert isinstance(decision, ApiError)
    assert decision.message.startswith(f"User: {USER.name} is not authorized to perform: ")


def test_a_refusal_has_awss_words() -> None:
    """spec/lambda.md, sections 2.6 and 8.2."""
    off = AnonymousAuthorizer(allows_anonymous=False)
    decision = off.authorize(ANONYMOUS, INVOKE_FUNCTION, HELLO._replace(qualifier="live"))
    assert isinstance(decision, ApiError)
    assert (decision.status, decision.code) == (403, "AccessDeniedException")
    assert json.loads(decision.body()) == {
        "Message": "User: anonymous is not authorized to perform: lambda:InvokeFunction on "
        "resource: arn:aws:lambda:us-east-1:123456789012:function:hello:live because no "
        "identity-based policy allows the lambda:InvokeFunction action"
    }


@pytest.mark.parametrize(
    ("resource", "arn"),
    [
        (HELLO, "arn:aws:lambda:us-east-1:123456789012:function:hello"),
        (
            HELLO._replace(qualifier="$LATEST"),
            "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST",
        ),
        (PackageResource("0" * 64), f"arn:aws:kubelambda:::package/{'0' * 64}"),
        (ANY_RESOURCE, "*"),
    ],
)
def test_an_arn_says_what_the_caller_named(resource: Resource, arn: str) -> None:
    """The unqualified function and its $LATEST have policies of their own (section 8.2)."""
    assert resource.arn == arn
