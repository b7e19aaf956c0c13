"""Abilities: what may be done with a row, by the permissions that it takes and the state that the row must be in.

A collection names the abilities that its rows have. The rules themselves refuse what an ability does not allow; a test
compares the two for every role and every state.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from sqlalchemy import ColumnElement, false, func, or_, true

from services.permissions import Permission

__all__ = ["Ability"]


@dataclass(frozen=True, slots=True, eq=False)
class Ability:
    """One action on a row, and who may do it when; each of the grants suffices."""

    grants: tuple[tuple[Permission, ColumnElement[bool] | None], ...]
    """Pairs of a permission and a condition over the columns of the row and the bind `user_id`; None for any row."""

    @classmethod
    def by(cls, permission: Permission, when: ColumnElement[bool] | None = None) -> Self:
        """Return the ability of those who have a permission, on rows in some state."""
        return cls(((permission, when),))

    def or_by(self, permission: Permission, when: ColumnElement[bool] | None = None) -> Self:
        """Return the same ability, which another permission gives as well."""
        return type(self)((*self.grants, (permission, when)))

    def decided(self, permissions: AbstractSet[Permission]) -> bool | None:
        """Return what these permissions decide alone, whatever the row; None if it depends on the row."""
        given = [when for permission, when in self.grants if permission in permissions]
        if not given:
            return False
        return True if any(when is None for when in given) else None

    def condition(self, permissions: AbstractSet[Permission]) -> ColumnElement[bool]:
        """Return the condition for rows on which these permissions allow the action; never null."""
        decided = self.decided(permissions)
        if decided is not None:
            return true() if decided else false()
        given = [when for permission, when in self.grants if permission in permissions and when is not None]
        return func.coalesce(or_(*given), false())
