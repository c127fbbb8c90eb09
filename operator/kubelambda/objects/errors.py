"""Failures of requests for objects, one class for each case that callers tell apart.

Contract: the only exceptions that leave a driver; each keeps its cause. Messages name objects and
fields, never values, which may be secrets.
"""

from collections.abc import Sequence

from kubelambda.api.admission import Cause


class ObjectsError(Exception):
    """A request for an object did not succeed."""

    @property
    def message(self) -> str:
        """A sentence for the caller."""
        return str(self)


class NotFoundError(ObjectsError):
    """There is no such object, or no such namespace."""


class AlreadyExistsError(ObjectsError):
    """The name is taken."""


class ConflictError(ObjectsError):
    """The object has changed since it was read, or is another one than was meant."""


class InvalidError(ObjectsError):
    """The object is not admitted; repeating the request cannot help."""

    def __init__(self, message: str, causes: Sequence[Cause] = ()) -> None:
        super().__init__(message)
        self.causes = tuple(causes)
        """What is wrong with which field; it is in the message, too."""


class UnknownKindError(InvalidError):
    """No such kind is kept here."""


class ForbiddenError(ObjectsError):
    """The store refuses the caller."""


class ExpiredError(ObjectsError):
    """What came after this version is not known any more: list again."""


class UnavailableError(ObjectsError):
    """No answer: a write may have taken effect or not."""
