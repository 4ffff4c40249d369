# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are held between real namespaces while packets are lost, for a while or for good."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

FLOW = "tcp 10.8.0.1 > 10.8.0.2:80"
SERVER = """
import socket
kept, server = [], socket.create_server(("10.8.0.2", 80))
print("ready", flush=True)
while True:
    kept.append(server.accept()[0])
"""
CLOSING = SERVER.replace("kept.append(server.accept()[0])", "server.accept()[0].close()").replace("80)", "81)")
DROP = "nft add table inet f; nft add chain inet f i '{ type filter hook input priority 0; }'; nft add rule inet f i "


@pytest.fixture
def pair() -> t.Iterator[tuple[Netns, Netns]]:
    here, there = Netns("hold-a"), Netns("hold-b")
    with contextlib.ExitStack() as stack:
        for ns in (here, there):
            ns.create()
            stack.callback(ns.delete)
        veth(here, "near", there, "distant", [("10.8.0.1/24", "10.8.0.2/24")])
        for text in (SERVER, CLOSING):
            server = there.start("python3", "-c", text)
            stack.callback(server.wait, 5)
            stack.callback(server.kill)
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
        yield here, there


def hold(here: Netns, **options: t.Any) -> dict[str, t.Any]:
    return run_module(here, "flow_hold", {"flow": FLOW, "count": 5, "seconds": 7, "patience": 3, **options})


def test_connections_that_outlive_a_gap_and_one_that_does_not(pair: tuple[Netns, Netns]) -> None:
    here, there = pair
    answer: dict[str, t.Any] = {}
    running = threading.Thread(target=lambda: answer.update(hold(here)))
    running.start()
    deadline = time.monotonic() + 10
    while there.run("ss -Htn state established | wc -l").stdout.strip() != "5":
        assert time.monotonic() < deadline, "they were not opened"
        time.sleep(0.05)
    port = there.run("ss -Htn state established | head -1 | sed 's/.*://' ").stdout.strip()
    there.run(f"{DROP} tcp sport {port} drop; nft add rule inet f i drop comment gap")
    time.sleep(2.5)
    handle = there.run("nft -a list chain inet f i | sed -n 's/.*gap.*handle //p'").stdout.strip()
    there.run(f"nft delete rule inet f i handle {handle}")
    running.join(30)
    assert answer["summary"]["opened"] == 5 and answer["summary"]["alive"] == 4, answer
    (lost,) = [one for one in answer["connections"] if not one["alive"]]
    assert str(lost["local_port"]) == port and lost["error"].startswith("no answer for ")
    assert 2 < answer["summary"]["longest_silence"] < 6


def test_an_end_that_closes_and_a_file_that_ends_it(pair: tuple[Netns, Netns], tmp_path: t.Any) -> None:
    here, _there = pair
    answer = hold(here, flow="tcp 10.8.0.1 > 10.8.0.2:81", seconds=3)
    told = {"opened": 5, "alive": 0, "errors": {"the other end closed it": 5}, "longest_silence": 0.0}
    assert answer["summary"] == told
    began = time.monotonic()
    (tmp_path / "end").touch()
    ended = hold(here, seconds=60, until_file=str(tmp_path / "end"), ready_file=str(tmp_path / "ready"))
    assert ended["summary"]["alive"] == 5 and time.monotonic() - began < 20
    assert (tmp_path / "ready").read_text() == "5\n"


def test_what_cannot_be_held(pair: tuple[Netns, Netns]) -> None:
    here, _there = pair
    for options, words in (
        ({"flow": "udp 10.8.0.1 > 10.8.0.2:80"}, "connections of tcp can be held, udp has none"),
        ({"flow": "tcp 10.8.0.1 > 10.8.0.2:82"}, "cannot be opened to begin with: .*refused"),
        ({"flow": "tcp 10.8.0.1:5000 > 10.8.0.2:80"}, "5 connections cannot have one source port"),
        ({"count": 0}, "count 0: use 1 to 1000"), ({"seconds": 1}, "seconds 1: use 3 to 600"),
    ):
        answer = hold(here, **options)
        assert answer["failed"] and re.search(words, answer["msg"]), answer
