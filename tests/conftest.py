"""Property tests are not timed: kernels compile in the first example, and machines are shared."""

from hypothesis import settings

settings.register_profile("peerwatt", deadline=None)
settings.load_profile("peerwatt")
