"""Every gateway finds the same owner, and few functions move when gateways come or go."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.coordination.ownership import choose_owner

MEMBERS = st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True)


@given(st.text(), st.text(), MEMBERS)
def test_an_owner_that_stays_keeps_its_functions(
    namespace: str, name: str, members: list[str]
) -> None:
    """Rendezvous: when another member goes, no function of the others moves."""
    owner = choose_owner(namespace, name, members)
    for leaver in members:
        if leaver != owner:
            rest = [member for member in members if member != leaver]
            assert choose_owner(namespace, name, rest) == owner


@given(st.text(), st.text(), MEMBERS)
def test_the_owner_does_not_depend_on_the_order_of_members(
    namespace: str, name: str, members: list[str]
) -> None:
    assert choose_owner(namespace, name, members) == choose_owner(namespace, name, members[::-1])
