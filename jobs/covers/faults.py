"""Why a picture cannot be shown: as text in `images.fault`, as a row in `problems`."""

from typing import NamedTuple, Self

from jobs.records import ProblemCode


class Fault(NamedTuple):
    """What is wrong with a picture, or with reading it."""

    code: ProblemCode
    message: str

    def __str__(self) -> str:
        """As `images.fault` has it: "bad-picture: image file is truncated"."""
        return f"{self.code.value}: {self.message}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The fault that was written as `text`."""
        code, _, message = text.partition(": ")
        return cls(ProblemCode(code), message)
