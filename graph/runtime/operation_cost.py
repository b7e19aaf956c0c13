"""The cost of one operation: what it asks for is taken out of the buckets before, what it did not use is put back."""

import math
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from graph.runtime.complexity import CostModel, RawVariables
from services.cost_buckets import Bucket, CostAccount
from services.errors import RateLimited

__all__ = ["MINIMUM_COST", "OperationCost", "count_fields"]

MINIMUM_COST = 100  # what any operation costs before its first field: a request, a statement, an answer


class OperationCost:
    """What one operation costs, and who pays."""

    __slots__ = ("_account", "_work", "actual", "estimate", "is_told", "refused_by", "requested")

    def __init__(self, account: CostAccount | None = None, *, is_told: bool = False) -> None:
        """Args: account: what it is paid from, if anything is limited; is_told: whether the client asks for it."""
        self._account = account
        self._work = 0
        self.is_told = is_told
        self.estimate: int | None = None
        """Cost of the document with its variables, once that is known."""
        self.requested = 0
        """Points that were taken out of the buckets; of a refused operation, those that it asks for."""
        self.actual: int | None = None
        """Points that it has cost; None if it was refused, or is not over."""
        self.refused_by: tuple[str, Bucket] | None = None
        """Whose bucket has too few points, and that bucket, if it is refused."""

    @property
    def is_used(self) -> bool:
        """Return whether anybody pays, or wants to know."""
        return self._account is not None or self.is_told

    def admit(self, model: CostModel | None, variables: RawVariables, largest: int) -> bool:
        """Take what the operation asks for out of the buckets; return whether they hold it.

        Args:
            model: what the document says of its cost; None while it is not known, which costs the minimum.
            variables: the operation's.
            largest: the largest cost that an operation may have; one that has more will be refused for that.
        """
        if not self.is_used:
            return True
        points = MINIMUM_COST
        if model is not None:
            self.estimate, self._work = model.cost_and_work(variables)
            if points < self.estimate <= largest:
                points = self.estimate
        more, self.requested = points - self.requested, points
        if self._account is not None and more > 0:
            self.refused_by = self._account.take(more)
            if self.refused_by is not None:
                self._account.spend(more - points)  # what it took before it was known how much it asks for
                return False
        return True

    def settle(self, data: object) -> None:
        """Put back what the answer did not need: its data, or the same as JSON text."""
        if self.refused_by is not None or self.actual is not None:
            return
        self.actual = self.requested
        if self.requested > MINIMUM_COST:
            self.actual = max(MINIMUM_COST, min(self.requested, self._work + count_fields(data)))
            self._put_back(self.requested - self.actual)

    def cancel(self) -> None:
        """Put everything back: nothing was done."""
        if self.refused_by is None and self.actual is None:
            self.actual = 0
            self._put_back(self.requested)

    def _put_back(self, points: int) -> None:
        if self._account is not None and points:
            self._account.spend(-points)

    def to_error(self) -> GraphQLError:
        """Return the error of an operation that is refused."""
        assert self.refused_by is not None, "it is refused"
        whose, bucket = self.refused_by
        seconds = bucket.seconds_until(self.requested)
        message = f"This {whose} has used up its points of cost; try again in {seconds} seconds."
        refusal = RateLimited(seconds, message)
        return GraphQLError(message, original_error=refusal, extensions={"cost": self.to_extension()})

    def to_extension(self) -> dict[str, Any]:
        """Return what the response says of it."""
        bucket = self.refused_by[1] if self.refused_by is not None else None
        if bucket is None and self._account is not None:
            bucket = self._account.scarcest
        return {
            "requestedQueryCost": self.requested,
            "actualQueryCost": self.actual,
            "throttleStatus": bucket
            and {
                "maximumAvailable": bucket.limit.maximum,
                "currentlyAvailable": max(0, math.floor(bucket.level)),
                "restoreRate": bucket.limit.rate,
            },
        }


def count_fields(data: object) -> int:
    """Return how many fields an answer holds: in its data, or in the same as JSON text."""
    if isinstance(data, str):
        # A quote within a string has a backslash before it, and no other string comes before a colon.
        return data.count('":') - (data.count('\\":') if "\\" in data else 0)
    fields, waiting = 0, [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            fields += len(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return fields
