from __future__ import annotations

import pytest

from streamtrack.access.principal import ANYONE, TOKEN, Principal
from streamtrack.access.refusals import ForbiddenError
from streamtrack.access.roles import Role


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_each_role_may_do_what_the_smaller_ones_may_and_no_more(role: Role, needed: Role) -> None:
    order = [Role.VIEW, Role.CONTROL, Role.ADMIN]
    assert role.allows(needed) is (order.index(role) >= order.index(needed))


def test_who_may_not_is_told_which_role_was_there_and_which_is_needed() -> None:
    viewer = Principal("wall", Role.VIEW, "key")
    viewer.require(Role.VIEW, "GET /streams")
    with pytest.raises(ForbiddenError, match=r"^POST /jobs needs the role control, yours is view$"):
        viewer.require(Role.CONTROL, "POST /jobs")


def test_without_authentication_and_with_the_one_token_everything_is_allowed() -> None:
    assert ANYONE.role is TOKEN.role is Role.ADMIN
