"""Video through FFmpeg (PyAV): RTSP, files, and whatever else its demuxers open."""

from __future__ import annotations

import heapq
import io
import itertools
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.reformatter import Interpolation, VideoReformatter

from ..core.address import NETWORK, Address
from ..core.hurry import Hurry
from ..core.pacing import Pacer
from ..core.redact import host, redact
from ..core.stamps import ArrivalStamps, FileStamps, Forward
from ..core.types import SECOND, Packet, Picture, Pixels, SourceError, StreamInfo

CONNECT = 4.0  # s for the TCP connection
OPEN = 6.0  # s for the conversation until the stream is described
READ = 5.0  # s without a byte: the stream is lost
SLICE = 0.1  # s between looks at the stop signal
NOT_VIDEO = {"tty", "bin", "xbin", "adf", "idf"}  # FFmpeg would draw a text file as ANSI art
HEAVY = 1920 * 1200  # px: above this one core may not keep up
LOCKED = 60.0  # s between attempts with a refused password: cameras lock accounts
MAX_BROKEN = 250  # packets in a row without a picture

_sessions = itertools.count(1)
av.logging.set_level(None)  # libav would print URLs with their passwords


class PyavPicture:
    """A decoded frame, converted to a size when asked. Source: libswscale."""

    __slots__ = ("_frame", "_grey", "_scaler", "stamp")

    def __init__(
        self, frame: av.VideoFrame, stamp: int, scaler: VideoReformatter, grey: VideoReformatter
    ) -> None:
        self._frame, self._scaler, self._grey, self.stamp = frame, scaler, grey, stamp

    def bgr(self, width: int, height: int) -> Pixels:
        return self._to(self._scaler, width, height, "bgr24")

    def grey(self, width: int, height: int) -> Pixels:
        return self._to(self._grey, width, height, "gray")

    def _to(self, scaler: VideoReformatter, width: int, height: int, form: str) -> Pixels:
        # AREA averages when shrinking: a thin line does not flicker between pictures.
        shrinks = width < self._frame.width
        how = Interpolation.AREA if shrinks else Interpolation.BILINEAR
        frame = scaler.reformat(self._frame, width, height, form, interpolation=how, threads=1)
        return frame.to_ndarray()  # type: ignore[return-value]


class PyavSource:
    """One attempt at one stream; see core.types.Source.

    ``clock`` gives ns for stamps, ``steady`` seconds for pacing, ``wait(seconds)`` sleeps and
    returns True when the source shall stop. ``account`` names where the password is kept.
    """

    def __init__(
        self,
        address: Address,
        *,
        clock: Callable[[], int],
        steady: Callable[[], float],
        wait: Callable[[float], bool],
        loop: bool = False,
        hardware: bool = True,
        account: str = "the camera's source",
    ) -> None:
        self._account = account
        self._at, self._clock, self._steady, self._wait = address, clock, steady, wait
        self._loop, self._hardware = loop, hardware
        self._container: Any = None
        self._decoder = ""
        self._stream: Any = None
        self._info: StreamInfo | None = None
        self._stamps: ArrivalStamps | FileStamps = ArrivalStamps() if address.live else FileStamps()
        self._forward, self._pacer = Forward(), Pacer()
        self._known: OrderedDict[int, int] = OrderedDict()  # pts -> stamp, for decoded frames
        self._unordered: list[int] | None = None  # AVI knows no pts: smallest comes first
        self._scaler, self._grey = VideoReformatter(), VideoReformatter()
        self._shift = self._end = 0  # ticks: a loop goes on where the last round ended
        self._last_dts: int | None = None
        self.broken = 0
        self.hurry = Hurry()

    @property
    def live(self) -> bool:
        return self._at.live

    @property
    def clock_source(self) -> str:
        return self._stamps.source

    @property
    def clock_offset(self) -> float:
        return self._stamps.offset

    # -- opening ---------------------------------------------------------------------------

    def open(self) -> str:
        if self._at.scheme in NETWORK:
            self._reach()
        try:
            return self._open()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.close()
            raise self._sorry(error, opening=True) from None

    def _open(self) -> str:
        self._container, decoder = self._open_container()
        if self._container.format.name in NOT_VIDEO or not self._container.streams.video:
            raise SourceError(
                f"{self._at.shown}: found no video in it, allowed is a video file or stream",
                refuse=not self.live,
            )
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        if context is None:
            raise SourceError(
                f"{self._at.shown}: found a video in a coding this FFmpeg cannot "
                "read, allowed is H.264, H.265 or another known one",
                refuse=not self.live,
            )
        if not decoder:
            heavy = context.width * context.height > HEAVY
            context.thread_type = "AUTO" if heavy else "SLICE"
            context.thread_count = 0 if heavy else 1
        where = f"on {decoder}" if decoder else "in software"
        self._decoder = f"{context.name} {where}"
        if self._container.format.name == "avi":
            self._unordered = []
        return f"{self._at.shown}: {context.width}x{context.height}, {self._decoder}"

    def _open_container(self) -> tuple[Any, str]:
        options = _options(self._at)
        form = "v4l2" if self._at.scheme == "v4l2" else None
        timeout = (OPEN, READ) if self.live else None
        for device in _devices() if self._hardware else ():
            try:
                container = av.open(
                    self._at.target,
                    format=form,
                    options=options,
                    timeout=timeout,
                    hwaccel=HWAccel(device, allow_software_fallback=True),
                )
            except av.error.HTTPClientError:
                raise  # trying again would only count as more wrong passwords
            except (av.error.FFmpegError, RuntimeError, NotImplementedError):
                continue  # no driver: software says what is really wrong
            on = bool(
                container.streams.video and container.streams.video[0].codec_context.is_hwaccel
            )
            return container, device if on else ""
        return av.open(self._at.target, format=form, options=options, timeout=timeout), ""

    def _reach(self) -> None:
        """A TCP connection on trial: gives clear sentences, and stops when told to."""
        name, port = host(self._at.target)
        port = port or NETWORK[self._at.scheme]
        if not name or not port:
            return
        try:
            addresses = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceError(f"the name {name!r} is not known to this machine's DNS") from None
        with socket.socket(addresses[0][0], socket.SOCK_STREAM) as trial:
            trial.settimeout(CONNECT)
            try:
                trial.connect(addresses[0][4])
            except TimeoutError:
                raise SourceError(f"no answer within {CONNECT:.0f} s") from None
            except OSError as error:
                raise SourceError(_plain(error)) from None

    # -- reading ---------------------------------------------------------------------------

    def read(self) -> Iterator[Packet | Picture]:
        try:
            while True:
                yield from self._round()
                if not self._loop or self.live or self._wait(0.0) or self._end <= self._shift:
                    return
                self._rewind()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._sorry(error, opening=False) from None

    def _round(self) -> Iterator[Packet | Picture]:
        empty = 0
        for raw in self._demuxed():
            if raw.size == 0:
                yield from self._decode(raw)  # the end: the decoder gives what it held back
                continue
            packet = self._packet(raw)
            if packet is not None:
                if not self.live and self._pause(packet):
                    return
                yield packet
            before = self.broken
            count = 0
            for picture in self._decode(raw):
                count += 1
                yield picture
            self.hurry.skipped += self.hurry.on and not count
            empty = 0 if count or self.broken == before else empty + 1
            if empty > MAX_BROKEN:
                raise ValueError(f"{empty} packets in a row cannot be decoded")

    def _demuxed(self) -> Iterator[Any]:
        """Packets as they come; who cannot keep up with a live stream is told to skip some."""
        packets = iter(self._container.demux(self._stream))
        while True:
            began = self._steady()
            raw = next(packets, None)
            now = self._steady()
            if raw is None:
                return
            self.hurry.waited(began, now)
            yield raw
            if self.live and self._unordered is None:
                before = self.hurry.on
                if self.hurry.look(self._stamps.lag, now) != before:
                    skip = "NONREF" if self.hurry.on else "DEFAULT"
                    self._stream.codec_context.skip_frame = skip

    def _packet(self, raw: Any) -> Packet | None:
        """Takes over the bytes; None for packets nothing can be cut from."""
        pts = raw.pts if raw.pts is not None else raw.dts
        if pts is None:
            return None
        dts = raw.dts if raw.dts is not None else pts
        if self._last_dts is not None and dts + self._shift <= self._last_dts:
            dts = self._last_dts + 1 - self._shift  # muxers insist on an order
        self._last_dts = dts + self._shift
        self._end = max(self._end, pts + self._shift + (raw.duration or 1))
        stamp = self._stamp(pts + self._shift, raw)
        if raw.is_keyframe and not self._is_described():
            self._info = self._describe(raw)
        if self._info is None:
            return None
        return Packet(
            self._info,
            stamp,
            pts + self._shift,
            dts + self._shift,
            bool(raw.is_keyframe),
            bytes(raw),
        )

    def _stamp(self, pts: int, raw: Any) -> int:
        arrival = self._clock()
        base = self._stream.time_base
        if self.live and raw.has_sidedata("prft"):
            (camera,) = struct.unpack_from("<q", bytes(raw.get_sidedata("prft")))
            self._stamps.camera_time(camera * 1000, arrival)  # type: ignore[union-attr]
        stamp = self._stamps.stamp(pts * SECOND * base.numerator // base.denominator, arrival)
        self._known[pts] = stamp
        if len(self._known) > 256:
            self._known.popitem(last=False)
        if self._unordered is not None:
            heapq.heappush(self._unordered, stamp)
            if len(self._unordered) > 64:
                heapq.heappop(self._unordered)
        return stamp

    def _pause(self, packet: Packet) -> bool:
        """Waits until a file's packet is due; True when told to stop."""
        base = packet.info.time_base
        delay = self._pacer.delay(float(packet.dts * base), self._steady())
        return self._wait(delay) if delay > 0 else False

    def _decode(self, raw: Any) -> Iterator[PyavPicture]:
        try:
            frames = raw.decode()
        except (av.error.FFmpegError, ValueError):
            self.broken += 1
            return
        for frame in frames:
            if frame.is_corrupt:  # concealed by the decoder: not a picture to judge by
                self.broken += 1
                continue
            stamp = self._stamp_of(frame)
            if stamp is not None:
                yield PyavPicture(frame, self._forward(stamp), self._scaler, self._grey)

    def _stamp_of(self, frame: Any) -> int | None:
        if self._unordered is not None:
            return heapq.heappop(self._unordered) if self._unordered else None
        return None if frame.pts is None else self._known.get(frame.pts + self._shift)

    def _rewind(self) -> None:
        self._shift = self._end
        self._known.clear()
        if self._unordered is not None:
            self._unordered.clear()
        self._container.seek(0)
        self._stream.codec_context.flush_buffers()

    def _is_described(self) -> bool:
        """False also after a camera was set to another size without ending its stream."""
        context = self._stream.codec_context
        return self._info is not None and (
            (self._info.width, self._info.height) == (context.width, context.height)
        )

    def _describe(self, raw: Any) -> StreamInfo:
        """What a cutter needs later; NUT keeps codec parameters exactly as they are."""
        context = self._stream.codec_context
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="nut") as out:
            template = out.add_stream_from_template(self._stream)
            first = av.Packet(bytes(raw))
            first.pts = first.dts = 0
            first.time_base, first.stream, first.is_keyframe = raw.time_base, template, True
            out.mux(first)
        return StreamInfo(
            next(_sessions),
            context.name,
            context.width,
            context.height,
            self._stream.time_base,
            context.extradata or b"",
            self._decoder,
            buffer.getvalue(),
        )

    # -- the end ---------------------------------------------------------------------------

    def close(self) -> None:
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            container.close()

    def _sorry(self, error: Exception, opening: bool) -> SourceError:
        """An exception of the library as one sentence; never its own text with the URL."""
        sentence = _plain(error)
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            sentence += f": ask whoever keeps the camera's accounts, and correct {self._account}"
            return SourceError(redact(sentence, self._at.target), wait=LOCKED)
        if self.live:
            return SourceError(redact(sentence, self._at.target))
        shown = self._at.shown
        if isinstance(error, FileNotFoundError):
            return SourceError(f"{shown}: found no such file, allowed is a video file", refuse=True)
        if opening:
            return SourceError(
                f"{shown}: {sentence}, allowed is a video file FFmpeg can read", refuse=True
            )
        return SourceError(f"{shown}: {sentence}")


def probe(address: Address) -> None:
    """Refuses a file from which not one picture can be decoded. Raises SourceError."""
    if Path(address.target).is_dir():
        raise SourceError(f"{address.shown}: found a folder, allowed is a video file", refuse=True)
    source = PyavSource(
        address, clock=lambda: 0, steady=lambda: 0.0, wait=lambda _: False, hardware=False
    )
    try:
        source.open()
        if not any(not isinstance(item, Packet) for item in source.read()):
            raise SourceError(
                f"{address.shown}: found no picture that can be decoded (damaged?), "
                "allowed is a video file FFmpeg can read",
                refuse=True,
            )
    except SourceError as error:
        raise SourceError(str(error), refuse=True) from None
    finally:
        source.close()


def knows_v4l2() -> bool:
    """Whether this FFmpeg was built with V4L2 (PyAV's wheels are not, Debian's is)."""
    return "v4l2" in av.formats_available or "video4linux2" in av.formats_available


def _options(address: Address) -> dict[str, str]:
    if address.scheme in ("rtsp", "rtsps"):
        return {
            "rtsp_transport": "tcp",
            "timeout": str(int(READ * 1e6)),
            "fflags": "nobuffer",
            "analyzeduration": "2000000",
        }
    if address.scheme == "v4l2":
        names = {"size": "video_size", "rate": "framerate"}
        return {names[key]: value for key, value in address.settings.items() if value}
    return {}


def _devices() -> list[str]:
    """Hardware decoders worth a try here: the library has them and a device file exists."""
    wanted = {"cuda": "/dev/nvidia0", "vaapi": "/dev/dri/renderD128", "qsv": "/dev/dri/renderD128"}
    have = hwdevices_available()
    return [name for name, path in wanted.items() if name in have and Path(path).exists()]


def _plain(error: Exception) -> str:
    """The cause in words for an operator."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        code = 401 if isinstance(error, av.error.HTTPUnauthorizedError) else 403
        return f"the camera refuses the user name or password ({code})"
    if isinstance(error, av.error.HTTPNotFoundError):
        return "the camera knows no such stream (404): look at the path of the URL"
    if isinstance(error, av.error.HTTPServerError):
        return "the camera reports an error of its own (5xx)"
    if isinstance(error, av.error.InvalidDataError):
        return "found data that is not a video, or a damaged one"
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"no data for {READ:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error).split("'")[0].strip(" :") or type(error).__name__
