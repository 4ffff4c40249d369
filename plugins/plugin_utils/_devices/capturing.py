# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Captures of one flow on a device: bounded there, read once, and taken away whatever goes wrong.

What is in the way is looked for by questions, before the first line. After it there is one way out: clean up, look
whether anything of ours is left, and say so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
import threading
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import Clock, Sighting

MAX_SECONDS, MAX_PACKETS, MAX_INTERFACES = 60, 1000, 8
HEADERS = 160  # bytes of a packet: two IPv4 headers with all options, an ICMP header and the ports of the quoted packet
GRACE = 15.0  # seconds beyond its end that a capture's last words may take
_ended: list[str] = []  # the signal that somebody has sent; what raises it may be swallowed by whoever calls back
_INTERFACE = re.compile(r"[A-Za-z][\w./:-]*")

Answers = t.Mapping[str, str]


class CaptureError(DeviceError):
    """The capture cannot be made; nothing was sent that is not a question."""


class CaptureFailed(DeviceError):
    """The capture was begun and brought no result; the message says whether anything is left (``clean``: nothing)."""

    def __init__(self, text: str, clean: bool) -> None:
        super().__init__(text)
        self.clean = clean


class Interrupted(BaseException):
    """Somebody ends the run; not an Exception, as nobody but the clean-up may hold it up."""


@dataclasses.dataclass(frozen=True)
class Watch:
    """What is to be watched, and its bounds; raises CaptureError."""

    wanted: Wanted
    interfaces: tuple[str, ...] = ()
    seconds: int = 10
    packets: int = 100

    def __post_init__(self) -> None:
        for name, value, most in (("seconds", self.seconds, MAX_SECONDS), ("packets", self.packets, MAX_PACKETS)):
            if value < 1 or value > most:
                raise CaptureError(f"{name} {value}: use 1 to {most}")
        wrong = [one for one in self.interfaces if not _INTERFACE.fullmatch(one)]
        if wrong:
            raise CaptureError(f"interfaces: {wrong[0]!r} is no name of an interface")
        if len(set(self.interfaces)) != len(self.interfaces) or len(self.interfaces) > MAX_INTERFACES:
            raise CaptureError(f"interfaces: name each once, and at most {MAX_INTERFACES}")

    @property
    def flow(self) -> Flow:
        return self.wanted.flow


@dataclasses.dataclass(frozen=True)
class CapturePlan:
    """The lines. After the last of ``begin`` it runs; ``read`` are questions, or nothing where ``begin`` prints."""

    begin: tuple[str, ...]
    stop: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything that is sent, in order."""
        return (*self.begin, *self.stop, *self.read, *self.remove)


@dataclasses.dataclass(frozen=True)
class Known:
    """What the device was asked before: whose clock stamps the packets, and what tells in from out."""

    clock: Clock | None = None
    macs: t.Mapping[str, str] = dataclasses.field(default_factory=dict)  # interface: aa:bb:cc:00:01:00
    sudo: bool = False


@dataclasses.dataclass(frozen=True)
class Seen:
    """Packets of the flow, and lines that were not understood."""

    packets: tuple[Sighting, ...] = ()
    unread: tuple[str, ...] = ()


class CaptureDialect(t.Protocol):
    """How a platform captures (asa_capture.py, linux_capture.py ...)."""

    title: str
    # Of the packets' times: "device" (its clock, with date and zone), "time_of_day" (its clock, set by what it was
    # asked before), "first_packet" (from the first packet on; when that came is not told).
    clock: str

    def ask_before(self, session: Session, watch: Watch) -> Known:
        """What reading needs; raises CaptureError where an interface is not there. Only questions are asked."""

    def in_the_way(self, session: Session) -> str:
        """Somebody's capture that runs, or one of ours that is there; or nothing. Only questions are asked."""

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        """The lines; pure. Raises CaptureError where the platform cannot capture this."""

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        """Begin, wait for the end, stop, read: the answers by their line."""

    def left(self, session: Session) -> t.Sequence[str]:
        """Names of what is ours there. Only questions are asked."""

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        """What the answers tell; pure. ``began``: when, by this control node. Raises DeviceError for a cut answer."""


def check_bounds(capture: CaptureDialect, watch: Watch) -> None:
    """Raise CaptureError for what the platform cannot do, before a login."""
    capture.plan(watch, Known(macs=dict.fromkeys(watch.interfaces, "")))


def prepare(session: Session, capture: CaptureDialect, watch: Watch) -> tuple[CapturePlan, Known]:
    """The lines, and what was asked for them; raises CaptureError where somebody is in the way. Asks only."""
    why = capture.in_the_way(session)
    if why:
        raise CaptureError(f"{session.where}: {why}. Nothing was sent")
    known = capture.ask_before(session, watch)
    return capture.plan(watch, known), known


def make(session: Session, capture: CaptureDialect, watch: Watch, plan: CapturePlan, known: Known) -> Seen:
    """Capture, clean up, read; raises CaptureFailed, and Interrupted after the clean-up."""
    began = time.time()
    try:
        answers = capture.take(session, plan, watch)
    except DeviceError as error:
        clean, told = _surely_clean_up(session, capture, plan)
        raise CaptureFailed(f"{error}. {told}", clean) from error
    except BaseException as error:
        session.abandon("the capture")  # it stands in the middle of a line, or of an answer
        clean, told = _surely_clean_up(session, capture, plan)
        raise Interrupted(f"{session.where}: interrupted ({error}). {told}") from error
    clean, told = _surely_clean_up(session, capture, plan)
    if not clean:
        raise CaptureFailed(f"{session.where}: the flow was captured. {told}", clean)
    try:
        return capture.parse(answers, watch, known, began)
    except DeviceError as error:
        raise CaptureFailed(f"{session.where}: {error}. {told}", clean) from error


def _surely_clean_up(session: Session, capture: CaptureDialect, plan: CapturePlan) -> tuple[bool, str]:
    """Also where somebody ends the run in the middle of it; that is heard once (``interruptible``)."""
    try:
        return clean_up(session, capture, plan)
    except BaseException:  # noqa: BLE001 - whatever it is, what is ours must not stay there
        session.abandon("the clean-up")
        return clean_up(session, capture, plan)


def clean_up(session: Session, capture: CaptureDialect, plan: CapturePlan) -> tuple[bool, str]:
    """Remove what is ours; whether nothing is left, and in words. A lost session is opened once more, twice at most."""
    problem: DeviceError | None = None
    for _attempt in range(2):
        try:
            if session.lost:
                session.reopen()
            if not capture.left(session):
                return True, "Nothing is left on the device"
            for line in plan.remove:
                session.type(line, tolerant=True)
            left = capture.left(session)
            if not left:
                return True, "Nothing is left on the device"
            problem = DeviceError(f"{', '.join(left)} is there")
        except DeviceError as error:
            problem = error
    by_hand = f"These lines remove it: {' / '.join(plan.remove)}" if plan.remove else "It ends with its session"
    return False, f"Whether it is gone from the device is not sure ({problem}). {by_hand}"


def wait(seconds: float) -> None:
    """Let the capture run; raises Interrupted."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if _ended:
            raise Interrupted(_ended[0])
        time.sleep(min(0.5, max(0.0, until - time.monotonic())))


def run_in_background(session: Session, plan: CapturePlan, watch: Watch) -> Answers:
    """``take`` of a platform whose capture goes on by itself."""
    for line in plan.begin:
        session.type(line)
    wait(watch.seconds)
    for line in plan.stop:
        session.type(line, tolerant=True)  # it may have ended by a bound of its own
    return {line: session.ask(line, 120) for line in plan.read}


@contextlib.contextmanager
def interruptible() -> t.Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted, once; Ansible's own handlers would end this process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    both = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, _frame: t.Any) -> None:
        for one in both:
            signal.signal(one, signal.SIG_IGN)  # while it is cleaned up
        _ended.append(signal.Signals(number).name)
        raise Interrupted(signal.Signals(number).name)

    before = {one: signal.signal(one, interrupt) for one in both}
    try:
        yield
    finally:
        _ended.clear()
        for one, handler in before.items():
            signal.signal(one, handler)


def capture_of(dialect: Dialect) -> CaptureDialect:
    """How a platform captures; raises CaptureError for one that does not."""
    found = getattr(dialect, "capture", None)
    if found is None:
        why = getattr(dialect, "no_capture", "")
        raise CaptureError(f"{dialect.title} can be read, not captured on, by this version{f': {why}' if why else ''}. "
                           "Nothing was sent")
    return t.cast(CaptureDialect, found)


def needs_four(watch: Watch, title: str) -> None:
    """Raise CaptureError for a flow of IPv6."""
    if watch.flow.family == 6:
        raise CaptureError(f"flow {watch.flow}: captures on {title} are of IPv4 in this version")


def needs_interfaces(watch: Watch, title: str) -> None:
    if not watch.interfaces:
        raise CaptureError(f"interfaces: {title} captures on interfaces that are named; name those of the flow")
