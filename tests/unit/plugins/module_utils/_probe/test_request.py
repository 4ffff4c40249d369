# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._probe.request import (
    Http,
    ProbeError,
    Request,
    Try,
    disappointed,
    from_flow,
    summarise,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._probe.send import checksum

OK = {"protocol": "tcp", "destination": "10.0.0.1", "dport": 80}


def tries(*spans: tuple[bool, float, float]) -> list[Try]:
    return [Try(ok, started, seconds, "" if ok else "timeout") for ok, started, seconds in spans]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"destination": "example"}, "not an IP address"),
        ({"source": "fd00::1"}, "different families"),
        ({"dport": 70000}, "dport 70000"),
        ({"dport": None}, "needs a dport"),
        ({"count": 0}, "1 to 1000"),
        ({"timeout": 0}, "0.01 to 60"),
        ({"wait": 601}, "0.1 to 600"),
        ({"mark": -1}, "mark -1"),
        ({"count": 1000, "interval": 10}, "may take more than 3600 s"),
        ({"keep_socket": True}, "for udp"),
        ({"size": 0}, "size 0: use 1 to 10000000"),
        ({"size": 10, "protocol": "udp"}, "size needs protocol tcp"),
        ({"size": 10, "http": Http("/")}, "give one of them"),
        ({"http": Http("no-slash")}, "does not begin with /"),
        ({"http": Http("/", "a\r\nX: y")}, "control characters"),
        ({"protocol": "udp", "http": Http()}, "http needs protocol tcp"),
        ({"protocol": "icmpv6", "dport": None}, "needs an IPv6 destination"),
        ({"protocol": "icmp"}, "has no ports"),
    ],
)
def test_what_is_refused(options: dict[str, t.Any], told: str) -> None:
    with pytest.raises(ProbeError, match=told):
        Request(**{**OK, **options})


def test_a_flow_gives_the_options() -> None:
    assert from_flow("udp [fd00::1]:5000 > [fd00::2]:53") == {
        "protocol": "udp", "source": "fd00::1", "sport": 5000, "destination": "fd00::2", "dport": 53,
    }  # fmt: skip
    with pytest.raises(ProbeError, match="expected"):
        from_flow("nonsense")


def test_counts_and_gaps() -> None:
    summary = summarise(
        tries((True, 0.0, 0.1), (False, 1.0, 0.5), (False, 2.0, 0.5), (True, 3.0, 0.1), (True, 3.5, 0.1))
    )
    assert (summary["sent"], summary["received"], summary["lost"], summary["loss_percent"]) == (5, 3, 2, 40.0)
    assert summary["longest_gap_seconds"] == 3.0 and summary["first_success_seconds"] == 0.1
    assert summary["errors"] == {"timeout": 2}


def test_gaps_at_the_ends_count() -> None:
    assert summarise(tries((False, 0.0, 2.0), (True, 2.0, 0.1)))["longest_gap_seconds"] == 2.0
    assert summarise(tries((True, 0.0, 0.1), (False, 1.0, 4.0)))["longest_gap_seconds"] == 5.0
    lost = summarise(tries((False, 0.0, 2.0)))
    assert lost["longest_gap_seconds"] == 2.0 and lost["first_success_seconds"] is None


@pytest.mark.parametrize(
    ("expect", "spans", "until", "met"),
    [
        ("success", [(True, 0, 1)], "count", True),
        ("success", [(False, 0, 1), (True, 1, 1)], "count", False),
        ("success", [(False, 0, 1), (True, 1, 1)], "success", True),
        ("success", [(False, 0, 1)], "success", False),
        ("failure", [(False, 0, 1)], "count", True),
        ("failure", [(False, 0, 1), (True, 1, 1)], "count", False),
        (None, [(False, 0, 1)], "count", True),
    ],
)
def test_expectations(expect: str | None, spans: list[tuple[bool, float, float]], until: str, met: bool) -> None:
    assert (disappointed(expect, tries(*spans), until) == "") == met


def test_the_checksum_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("00 01 f2 03 f4 f5 f6 f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"\x01") == 0xFFFF - 0x0100
