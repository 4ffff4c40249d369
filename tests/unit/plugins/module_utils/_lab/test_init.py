# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of process 1 that are pure, and the echo over the loopback interface."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import struct

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import init


@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.3"])
def test_echo_answers_from_the_address_that_was_asked(address: str) -> None:
    endpoint = init.dual_stack(socket.SOCK_DGRAM, 0)
    port = endpoint.getsockname()[1]
    child = init.start(lambda: init.echo(endpoint), 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"hello", (address, port))
            assert client.recvfrom(100) == (b"hello", (address, port))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        endpoint.close()


def test_a_reply_keeps_the_interface_for_link_local_addresses_only() -> None:
    def message(address: str) -> tuple[int, int, bytes]:
        data = socket.inet_pton(socket.AF_INET6, address) + struct.pack("=i", 7)
        return init.reply_from((socket.IPPROTO_IPV6, 50, data))

    assert message("2001:db8::1")[2][16:] == struct.pack("=i", 0)
    assert message("fe80::1")[2][16:] == struct.pack("=i", 7)


def test_a_service_that_fails_says_so_and_ends(capfd: pytest.CaptureFixture[str]) -> None:
    child = init.start(init.service("exec", 0, "", ["/no/such/program"]), 0)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "service failed, starts again in 1 s: [Errno 2]" in capfd.readouterr().err


def test_init_runs_by_itself_inside_a_host() -> None:
    """It is copied into the host and started without the collection: nothing of ours may be imported."""
    assert "ansible_collections" not in pathlib.Path(init.__file__).read_text(encoding="utf-8")
