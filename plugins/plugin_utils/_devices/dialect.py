# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a platform says and how: its commands, its parsers, its errors, and what its configuration is able to do.

One subclass per platform, in a file of its own. A dialect is pure but for the questions that it asks (``Asking``): the
tests answer them from transcripts, and a session with a real device answers them over SSH.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError

Dict = dict[str, t.Any]

# The parts of a device's facts. A dialect reads each by the method of the same name; one without it does not read it.
PARTS = (
    "interfaces", "routes", "neighbours", "lookups", "reverse_path", "policy_routes", "nat", "sessions", "drops",
    "settings", "load_sharing", "fhrp", "ha", "logs",
)
TOP = ("interfaces", "routes", "neighbours", "lookups")  # in the place of those of a Linux host; others in "device"
MAIN_TABLE = 254  # of the VRF or virtual router that the platform has by itself; others count from FIRST_TABLE
FIRST_TABLE = 1001


class NotUnderstood(DeviceError):
    """An answer that is not what the platform is known to say; the part that needs it is incomplete."""


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What the platform's configuration can do (docs/devices.md)."""

    candidate: bool = False  # lines are collected and take effect together
    native_diff: bool = False  # the device itself shows what would change
    timed_revert: bool = False  # a commit that nobody confirms is taken back by the device
    disruptive_revert: bool = False  # and that takes more than the change: a reload
    atomic: bool = False  # a commit is made as a whole or not at all


@dataclasses.dataclass(frozen=True)
class Request:
    """What to gather."""

    flows: tuple[Flow, ...] = ()
    prefixes: tuple[str, ...] = ()
    max_routes: int = 2000
    max_sessions: int = 500
    sample_seconds: float = 0
    parts: tuple[str, ...] = PARTS

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of interest once: those of the flows, and of the prefixes their first."""
        found = [address for flow in self.flows for address in (flow.source, flow.destination)]
        return tuple(dict.fromkeys([*found, *(prefix.split("/")[0] for prefix in self.prefixes)]))


class Asking(t.Protocol):
    """Whoever answers a dialect's questions."""

    request: Request
    facts: Dict  # what was read so far: interfaces and so on, and what is under "device"
    tables: dict[str, int]  # by name of the VRF or virtual router; that of the platform itself is ""

    def ask(self, *commands: str, patience: float = 60) -> str:
        """The answer to the first of these commands that the device knows; raises Rejected where it knows none.

        An answer is remembered, so that parts may ask for the same. ``patience`` is in seconds.
        """

    def ask_again(self, command: str, patience: float = 60) -> str:
        """The answer of now, for counters that are read twice; raises Rejected."""

    def wait(self, seconds: float) -> None:
        """Let time pass between two readings."""

    def keep(self, command: str, lines: t.Iterable[str]) -> None:
        """Keep lines aside that were not understood."""

    def table(self, vrf: str) -> int:
        """The number that stands for a VRF or virtual router in routes and rules; "" is that of the platform itself."""


class Reading(t.NamedTuple):
    """A part of the facts. ``why``: why it is not complete, empty where it is. ``covered``: prefixes that are all the
    same read completely, in words of host_facts."""

    value: t.Any
    why: str = ""
    covered: tuple[str, ...] = ()


class Dialect:
    """A platform. Methods named as a part give its Reading; they raise DeviceError where it cannot be read.

    Shapes are those of docs/facts.schema.json. What an answer does not tell stays None or is left out, and is never
    guessed; lines that belong to a part and are not understood are kept aside with ``asking.keep``.
    """

    platform: t.ClassVar[str]  # the name in facts
    device_type: t.ClassVar[str]  # the name of netmiko
    names: t.ClassVar[tuple[str, ...]] = ()  # of ansible_network_os
    title: t.ClassVar[str]
    tier: t.ClassVar[str]  # how it was tested: "real", "fake", "documentation"
    capabilities: t.ClassVar[Capabilities] = Capabilities()
    read_only_platform: t.ClassVar[bool] = False
    # What the device says where it does not know a command or refuses a line; searched in the first lines of an answer.
    errors: t.ClassVar[re.Pattern[str]]
    # Commands that only read. Nothing else is ever sent by a session that may only read.
    reading: t.ClassVar[re.Pattern[str]]
    # Commands that concern this session alone, such as the width of its screen; sent before and after all others.
    opening: t.ClassVar[tuple[str, ...]] = ()
    closing: t.ClassVar[tuple[str, ...]] = ()
    # What follows the device's name in a prompt, in the modes in which a configuration is typed; without it the prompt
    # is the same in all modes.
    modes: t.ClassVar[str] = ""
    connect_options: t.ClassVar[t.Mapping[str, t.Any]] = {}
    # The form of session keys, which says what a reply must have in common with its request beside the addresses:
    # "interface", "zone", "none" (nothing), or "" where the platform does not keep sessions (a router).
    session_key: t.ClassVar[str] = ""

    def driver(self) -> t.Any:
        """A driver of netmiko's kind in the place of its own, where that one would change the device at login."""
        return None

    def interfaces(self, asking: Asking) -> Reading:
        raise NotImplementedError

    def session_key_of(self, asking: Asking) -> str:
        """The form of session keys of this very device, where devices of the platform differ; raises DeviceError."""
        return self.session_key

    def software(self, asking: Asking) -> str:
        """The version, empty where it is not told."""
        return ""
