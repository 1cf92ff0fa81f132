"""Frames: by reference in a process, as messages between processes, one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from bconnect_node import frames, qos


def ros_subscriptions(node: Any) -> int:
    return node.count_subscribers(node.resolve_topic_name("image_raw"))


def references(node: Any) -> int:
    return node.count_subscribers(f"{node.resolve_topic_name('image_raw')}/shared")


@pytest.mark.parametrize("order", ["publisher first", "subscriber first"])
def test_by_reference_in_one_process(
    ros: Any, nodes: Any, wait_for: Callable[..., Any], order: str
) -> None:
    kinds = [nodes.Shows, nodes.Looks]
    made = [ros.add(kind) for kind in (kinds if order == "publisher first" else kinds[::-1])]
    shows, looks = made if order == "publisher first" else made[::-1]
    wait_for(lambda: ros_subscriptions(shows) == 0)
    frame = shows.show()
    assert looks.seen == [frame]
    assert looks.seen[0].image is frame.image
    assert shows.frames.outside() == 0


def test_no_message_is_made_while_nobody_outside_listens(
    ros: Any, nodes: Any, wait_for: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shows, looks = ros.add(nodes.Shows), ros.add(nodes.Looks)
    made: list[Any] = []
    real = frames.to_image
    monkeypatch.setattr(frames, "to_image", lambda f: made.append(f) or real(f))
    shows.show()
    assert made == []
    outside = ros.collect(Image, "image_raw", qos.SENSOR)
    wait_for(lambda: shows.frames.outside() == 1)
    wait_for(lambda: shows.show() and outside)
    assert outside[0].encoding == "bgr8"
    assert len(looks.seen) == len(shows.sent), "both ways at once, each frame once"


def test_readers_cannot_spoil_each_others_picture(ros: Any, nodes: Any) -> None:
    shows, looks = ros.add(nodes.Shows), ros.add(nodes.Looks)
    shows.show()
    with pytest.raises(ValueError, match="read-only"):
        looks.seen[0].image[0, 0] = 0


def test_one_ros_subscription_for_all_readers_of_a_process(
    ros: Any, nodes: Any, sample: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    first, second = ros.add(nodes.Looks, node_name="one"), ros.add(nodes.Looks, node_name="two")
    sample("ShowsAlways")
    wait_for(lambda: first.seen and second.seen)
    wait_for(lambda: (ros_subscriptions(first), references(first)) == (0, 1))
    assert first.seen[-1].image.shape == (360, 640, 3)
    ros.remove(first)
    count = len(second.seen)
    wait_for(lambda: len(second.seen) > count + 3)


def test_a_publisher_that_leaves_hands_over_to_one_outside(
    ros: Any, nodes: Any, sample: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    shows, looks = ros.add(nodes.Shows), ros.add(nodes.Looks)
    assert shows.show() is looks.seen[0]
    ros.remove(shows)
    sample("ShowsAlways")
    wait_for(lambda: len(looks.seen) > 3)


def test_nothing_leaks(ros: Any, nodes: Any, wait_for: Callable[..., Any]) -> None:
    watcher = ros.node()
    for _ in range(5):
        shows, looks = ros.add(nodes.Shows), ros.add(nodes.Looks)
        shows.show()
        ros.remove(looks)
        ros.remove(shows)
    assert frames._meetings == {}
    wait_for(
        lambda: ros_subscriptions(watcher) == 0 and watcher.count_publishers("/image_raw") == 0
    )


def test_bad_images_are_counted_said_and_dropped(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    looks = ros.add(nodes.Looks)
    camera = ros.node("foreign").create_publisher(Image, "image_raw", qos.SENSOR)
    wait_for(lambda: camera.get_subscription_count() == 1)
    bad = Image(encoding="bgr8", width=4, height=2, step=12)
    wait_for(lambda: camera.publish(bad) or looks.health.dropped("bad image"), every=0.05)
    assert looks.health.last_error == (
        "/image_raw: image: data: found 0 bytes; step 12 x height 2 needs 24; dropped"
    )
    good = frames.to_image(frames.Frame(1, "c", np.zeros((2, 4, 3), np.uint8)))
    wait_for(lambda: camera.publish(good) or looks.seen, every=0.05)


def test_a_reader_that_fails_harms_nobody(ros: Any, nodes: Any) -> None:
    class Fails(nodes.Looks):  # type: ignore[misc, name-defined]
        def on_frame(self, frame: frames.Frame) -> None:
            raise RuntimeError("cannot look")

    shows, fails = ros.add(nodes.Shows), ros.add(Fails, node_name="fails")
    looks = ros.add(nodes.Looks)
    shows.show()
    assert len(looks.seen) == 1
    assert fails.health.errors == 1
    assert "cannot look" in fails.health.last_error
