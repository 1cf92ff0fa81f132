"""A recording of signals from a file of JSON lines."""

from pathlib import Path

from bconnect_detect.core.recorded import Recording, read
from bconnect_site.errors import ConfigError


def load_recording(path: Path, shown: str) -> Recording:
    """The recording of a file, called ``shown`` in sentences. Raises ConfigError."""
    try:
        with path.open(encoding="utf-8") as lines:
            return read(lines, shown)
    except OSError as error:
        raise ConfigError(f"{shown}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{shown}: is not text in UTF-8") from None
