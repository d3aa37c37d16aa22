"""One error tree: every message is one clear sentence that says what is wrong and what to do."""


class HyperLiftError(Exception):
    """Base of every error that HyperLift raises on purpose; its message is meant for the user."""


class SpectralError(HyperLiftError):
    """Wavelengths, bands or responses that cannot be used together."""


class RasterError(HyperLiftError):
    """A raster that cannot be read, understood or written."""


class ModelError(HyperLiftError):
    """A model file that is missing, damaged or made for another sensor."""


class RuntimeMissingError(HyperLiftError):
    """A package that is needed at run time is not installed."""


class CancelledError(HyperLiftError):
    """The user cancelled; nothing is left behind."""
