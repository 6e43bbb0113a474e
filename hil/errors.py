"""What can go wrong on the bench; each class names one remedy."""


class BenchError(Exception):
    """Something on the bench failed; each subclass names one remedy."""


class SetpointError(BenchError):
    """A setpoint outside the device's limits, or one that it did not take: change the setpoint."""


class DeviceError(BenchError):
    """The device answered with an error, garbage or no number: look at the device."""


class LinkError(BenchError):
    """No answer, or none that belongs to the question: look at cable, address and power."""


class IdentityError(BenchError):
    """Another device than expected sits at the address: look at the station's wiring."""


class LockstepError(BenchError):
    """The device keeps its own time: run it in real time, or take an emulated one."""


class UnsafeError(BenchError):
    """The bench may not be energised, or had to be made safe: read why before going on."""


class LateError(BenchError):
    """The machine cannot keep up with the wall clock: give it less to do, or more time."""


class LeaseError(BenchError):
    """Another run drives this bench: wait for it, or end it."""
