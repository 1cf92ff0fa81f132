"""Bytes in, whole lines out; what never ends is thrown away."""

LONGEST = 16_384  # bytes; gpsd's longest answer is 10 240


class Lines:
    """Splits a stream of bytes. ``overlong``: how many lines were given up."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""
        self._skipping = False
        self.overlong = 0

    def put(self, data: bytes) -> list[bytes]:
        """Lines that are complete now, without their ends and without empty ones."""
        *whole, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        if self._skipping and whole:
            whole, self._skipping = whole[1:], False
        if len(self._rest) > self._longest:
            self._rest = b""
            if not self._skipping:
                self.overlong += 1
            self._skipping = True
        return [line for line in whole if line]
