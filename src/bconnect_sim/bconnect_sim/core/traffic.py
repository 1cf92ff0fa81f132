"""What a simulation that cannot run says."""


class SimError(RuntimeError):
    """The simulation cannot run; str() is a sentence a person can act on."""
