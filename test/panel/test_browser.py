"""The panel in a real browser, with the real node and a real clip."""

import re
import signal
import socket
import time
from collections.abc import Iterator

import pytest
import rclpy
from panel_rig import (
    CLIP,
    HISTORY,
    Browser,
    PanelProcess,
    missing_browser,
    wait_for,
)
from rclpy.node import Node
from siamdw_msgs.msg import TrackerStatus
from std_srvs.srv import Trigger

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.metrics import overlap

pytestmark = [
    pytest.mark.ros,
    pytest.mark.timeout(600),
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]
TRUTH = read_annotation(CLIP.with_suffix(".csv"))[0]
CARD = "#targets .card"


@pytest.fixture(scope="module")
def desktop(tracker: None, panel: PanelProcess) -> Iterator[Browser]:
    with Browser() as browser:
        browser.driver.get(panel.address)
        # The network is loaded meanwhile, which takes long where the processor is busy.
        wait_for(lambda: browser.frames, "a first frame on the screen", 300)
        yield browser


@pytest.fixture
def browser(desktop: Browser) -> Iterator[Browser]:
    """The desktop's. What it tracks is stopped at the end."""
    yield desktop
    if desktop.find("#stop"):
        desktop.find("#stop").click()
        wait_for(lambda: desktop.find(CARD) is None, "no targets")
    assert desktop.problems() == []


def call_play() -> None:
    node = Node("panel_test")
    client = node.create_client(Trigger, "/clip_player/play")
    assert client.wait_for_service(60)
    future = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(node, future, timeout_sec=60)
    assert future.done()
    node.destroy_node()


def started(browser: Browser) -> object:
    return wait_for(lambda: browser.data("started"), "the tracker's answer")


def forget_start(browser: Browser) -> None:
    browser.driver.execute_script("delete document.getElementById('video').dataset.started")


def test_frames_arrive_and_figures_are_shown(browser: Browser) -> None:
    browser.wait_for_frames(5)
    assert browser.find("#connection").text == "connected"
    assert browser.find("#latency").text.endswith("ms")
    assert 0 < browser.data("latency") < 10
    wait_for(lambda: browser.text("#rate").endswith("fps"), "the tracker's rate")
    assert browser.find("#banner") is None


def test_a_box_drawn_on_a_paused_image_starts_there(browser: Browser) -> None:
    forget_start(browser)
    browser.find("#pause").click()
    time.sleep(0.5)  # a frame that was on its way
    shown = browser.stamp
    browser.draw(*TRUTH)
    assert started(browser) == shown
    wait_for(lambda: browser.find(f"{CARD}.tracked"), "the target is tracked")
    assert overlap(browser.data("box", CARD), TRUTH) > 0.6
    assert browser.find("#pause").text == "Pause"  # it goes on by itself
    before = browser.stamp
    wait_for(lambda: browser.stamp != before, "the video goes on")


def test_stop_stops_all(browser: Browser) -> None:
    browser.draw(*TRUTH)
    wait_for(lambda: browser.find(f"{CARD}.tracked"), "the target is tracked")
    browser.find("#stop").click()
    wait_for(lambda: browser.find(CARD) is None, "no target")


def test_a_tap_on_a_target_selects_it_and_it_can_be_drawn_anew(browser: Browser) -> None:
    browser.draw(*TRUTH)
    wait_for(lambda: browser.find(f"{CARD}.tracked"), "the target is tracked")
    name = browser.find(f"{CARD} .id").text
    x, y, width, height = TRUTH
    browser.tap(x + width / 2, y + height / 2)
    wait_for(lambda: browser.find(f"{CARD}.selected"), "the target is selected")
    forget_start(browser)
    browser.find(f"{CARD} .redraw").click()
    browser.draw(x + 5, y + 5, width - 10, height - 10)
    started(browser)
    cards = browser.driver.find_elements("css selector", CARD)
    assert [card.get_attribute("data-id") for card in cards] == [name]
    browser.find(f"{CARD} .end").click()
    wait_for(lambda: browser.find(CARD) is None, "no target")


def test_a_tap_takes_the_box_that_the_tracker_finds_and_shows_it(browser: Browser) -> None:
    """On the paused clip, where the box that is found does not depend on the moment."""
    forget_start(browser)
    x, y, width, height = TRUTH
    browser.tap(x + width / 2, y + height / 2)
    shown = browser.stamp
    assert started(browser) == shown  # the image stood still until the answer
    taken = browser.data("taken")
    assert overlap(taken, TRUTH) > 0.5
    size = re.compile(rf"box of {taken[2]:.0f} . {taken[3]:.0f} px")
    wait_for(lambda: size.search(browser.text("#toast")), "the box that was taken, in words")
    wait_for(lambda: browser.stamp != shown, "the video goes on")
    wait_for(lambda: browser.find(f"{CARD}.tracked"), "the target is tracked")


def test_a_target_may_be_tracked_for_a_time_only(browser: Browser) -> None:
    # The page's shortest choice, shortened.
    shorten = "const o = document.querySelector('#seconds option[value=\"10\"]'); o.value = 3"
    browser.driver.execute_script(shorten)
    browser.choose("#seconds", "10 s")
    browser.draw(*TRUTH)
    wait_for(lambda: browser.find(f"{CARD}.tracked"), "the target is tracked")
    wait_for(lambda: browser.find(CARD) is None, "the target is removed by itself", 30)
    browser.choose("#seconds", "until stopped")


def test_a_phone_draws_taps_and_zooms(browser: Browser, panel: PanelProcess) -> None:
    x, y, width, height = TRUTH
    with Browser(phone=True) as phone:
        phone.driver.get(panel.address)
        phone.wait_for_frames()
        body = phone.driver.execute_script(
            "return [document.documentElement.scrollWidth, innerWidth, innerHeight,"
            " document.getElementById('stop').getBoundingClientRect().bottom]"
        )
        assert body[0] <= body[1]
        assert body[3] <= body[2]
        phone.tap(x + width / 2, y + height / 2)
        assert overlap(wait_for(lambda: phone.data("taken"), "an answer"), TRUTH) > 0.5
        wait_for(lambda: phone.find(CARD), "the target at the tap")
        phone.find("#stop").click()
        wait_for(lambda: phone.find(CARD) is None, "no target")
        phone.draw(x, y, width, height)
        wait_for(lambda: phone.find(CARD), "a drawn target")
        assert phone.find("#fit") is None
        phone.pinch(320, 240, 60, 200)
        wait_for(lambda: phone.find("#fit"), "the view is zoomed")
        # A driver's tap right after a pinch does not always become a click.
        phone.driver.execute_script("document.getElementById('fit').click()")
        wait_for(lambda: phone.find("#fit") is None, "the whole image again")
        assert phone.problems() == []


# From here on the clip plays.


def test_a_box_drawn_on_a_moving_image_starts_on_the_one_that_was_frozen(browser: Browser) -> None:
    call_play()
    browser.wait_for_frames(5)
    forget_start(browser)
    browser.press(TRUTH[0], TRUTH[1])
    shown = wait_for(lambda: browser.stamp, "a stamp")
    browser.wait_for_frames(5)  # frames come on, but the screen stands still
    assert browser.stamp == shown
    browser.release(TRUTH[0] + TRUTH[2], TRUTH[1] + TRUTH[3])
    assert started(browser) == shown
    wait_for(lambda: browser.find(CARD), "the target")


def test_a_refusal_is_shown_in_words(browser: Browser) -> None:
    browser.find("#pause").click()
    time.sleep(HISTORY + 0.5)  # by then the tracker has released the image on the screen
    browser.draw(*TRUTH)
    wait_for(lambda: "is held" in browser.text("#toast"), "the tracker's reason")
    assert browser.text("#toast").startswith("Not started: no image with stamp")
    browser.find("#pause").click()


def test_a_client_that_does_not_read_slows_nobody(browser: Browser, panel: PanelProcess) -> None:
    slow = open_socket(panel)
    for _ in range(50):
        slow.sendall(frame_of_text(b'{"type":"next"}'))
    browser.wait_for_frames(20)
    assert browser.data("latency") < 5
    status = newest_status()
    assert status.process_rate > 0.5 * status.receive_rate > 0
    slow.close()


def open_socket(panel: PanelProcess) -> socket.socket:
    """A WebSocket of which nothing is ever read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", panel.port))
    lines = (
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{panel.port}",
        f"Origin: http://127.0.0.1:{panel.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    )
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def frame_of_text(text: bytes) -> bytes:
    """A text frame of a WebSocket, masked with zeros (RFC 6455, 5.2)."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def newest_status() -> TrackerStatus:
    node, heard = Node("panel_test"), []
    node.create_subscription(TrackerStatus, "/siamdw_tracker/status", heard.append, 10)
    end = time.monotonic() + 60
    while len(heard) < 5 and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.5)
    node.destroy_node()
    return heard[-1]


def test_the_page_reconnects_to_a_panel_that_was_started_anew(browser: Browser) -> None:
    with PanelProcess("port:=0") as first:
        browser.driver.get(first.address)
        browser.wait_for_frames()
        assert first.end(signal.SIGTERM) == 0
        wait_for(lambda: "No connection" in browser.text("#banner"), "the banner of the page")
    with PanelProcess(f"port:={first.port}"):
        browser.wait_for_frames()
        wait_for(lambda: browser.find("#banner") is None, "the page is well again")
    browser.problems()  # of the refused connections
    browser.driver.get("about:blank")


def test_the_login_page_asks_for_the_token(tracker: None) -> None:
    with PanelProcess("port:=0", token="correct horse") as guarded, Browser() as browser:
        browser.driver.get(guarded.address)
        browser.find("#token").send_keys("wrong horse")
        browser.find("button").click()
        wait_for(lambda: "not the token" in browser.text("#problem"), "the refusal")
        browser.find("#token").send_keys("correct horse")
        browser.find("button").click()
        wait_for(lambda: browser.frames > 2, "frames")
