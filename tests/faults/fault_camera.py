"""An RTSP camera on loopback that does as it is told: one word a line on standard input.

python3 fault_camera.py --port N   words: ok, frozen, dark, obstructed, moved
Prints the port when it listens. Needs gir1.2-gst-rtsp-server-1.0 and x264enc.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = {  # pattern of videotestsrc, and how far it moves with each picture
    "ok": ("smpte", 3),
    "frozen": ("smpte", 0),
    "dark": ("black", 0),
    "obstructed": ("white", 0),
    "moved": ("zone-plate", 3),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        "( videotestsrc name=street is-live=true pattern=smpte horizontal-speed=3 kx2=20 ky2=20 "
        "kt=1 ! video/x-raw,format=I420,width=320,height=180,framerate=10/1 "
        "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=300 key-int-max=5 "
        "! video/x-h264,profile=baseline ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    now = {"word": "ok", "street": None}

    def show():
        pattern, speed = PICTURES[now["word"]]
        if now["street"] is not None:
            Gst.util_set_object_arg(now["street"], "pattern", pattern)
            now["street"].set_property("horizontal-speed", speed)

    def made(_, media):
        now["street"] = media.get_element().get_by_name("street")
        show()

    def heard(channel, _):
        word = channel.readline().strip()
        if not word:
            sys.exit(0)
        now["word"] = word
        show()
        return True

    factory.connect("media-configure", made)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    print(server.get_bound_port(), flush=True)
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, heard)
    GLib.MainLoop().run()


main()
