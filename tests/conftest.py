"""How many examples property tests draw; they are not timed, as kernels compile in the first."""

from hypothesis import settings

settings.register_profile("peerwatt", deadline=None, max_examples=150)
# For `make test`: the same examples every time, so that a red commit is red for its own change.
settings.register_profile(
    "quick", deadline=None, max_examples=30, derandomize=True, database=None, print_blob=True
)
settings.load_profile("peerwatt")
