# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that go wrong: each says what, where and what to do, and nothing was changed on the device."""

from __future__ import annotations

import pathlib
import socket
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    NoAnswer,
    NotReadOnly,
    Rejected,
    SessionLost,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.redaction import redacted
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.intake import look_over
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.platforms import FAKES
from ansible_collections.netpath.symmetry.tests.devices.platforms import CiscoIos as FakeIos
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request

IOS = CiscoIos()
OLD = {"kex_algs": ["diffie-hellman-group14-sha1"]}


def login(network: FakeNetwork, folder: pathlib.Path, known: str | None = None, **more: t.Any) -> Login:
    """How the only device of a network is logged in to; ``known``: the text of known_hosts."""
    (name,) = network.ports
    path = folder / "known_hosts"
    path.write_text(network.known_hosts() if known is None else known)
    given = {"user": USER, "password": PASSWORD, "known_hosts": str(path), "timeout": 15.0, **more}
    return Login(name, "127.0.0.1", network.ports[name], **given)


@pytest.fixture
def network() -> t.Iterator[FakeNetwork]:
    with FakeNetwork(FakeIos("edge1", transcripts.read("cisco_ios"))) as network:
        yield network


def refused(one: Login, kind: type[DeviceError], *words: str, dialect: Dialect = IOS) -> None:
    with pytest.raises(kind) as error:
        Session.open(one, dialect)
    assert str(error.value).startswith(one.where), error.value
    for word in words:
        assert word in str(error.value), error.value


def test_an_unknown_key_is_refused(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    refused(login(network, tmp_path, ""), HostKeyRefused, "not known", "known_hosts", "host_key_checking")
    (device,) = network.devices.values()
    assert device.logins == 0, "not even a password was sent"


def test_another_key_than_the_known_one_is_refused(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    with FakeNetwork(FakeIos("other", {})) as other:
        (port,) = network.ports.values()
        known = f"[127.0.0.1]:{port} {other.host_key}\n"
    refused(login(network, tmp_path, known), HostKeyRefused, "not the known one", "compare the fingerprints")


def test_without_checking_any_key_will_do(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    with Session.open(login(network, tmp_path, "", host_key_checking=False), IOS) as session:
        assert "17.9.4a" in session.ask("show version")


def test_a_wrong_password(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    refused(login(network, tmp_path, password="Battery-staple-2"), LoginRefused, "ansible_user", "ansible_password")
    refused(login(network, tmp_path, user=""), Unreachable, "no user to log in as", "ansible_user")


def test_nobody_there(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused(Login("edge9", "127.0.0.1", port, USER, PASSWORD, host_key_checking=False, timeout=5), Unreachable,
            "nothing listens there", "ansible_port")
    refused(Login("edge9", "edge9.invalid", 22, USER, PASSWORD, host_key_checking=False, timeout=5), Unreachable,
            "does not resolve", "ansible_host")


def test_a_device_with_old_algorithms_only(tmp_path: pathlib.Path) -> None:
    with FakeNetwork(FakeIos("old", {}), options=OLD) as network:
        refused(login(network, tmp_path), Unreachable, "SHA-1", "netmiko[par4]")


def test_a_device_that_closes_after_the_login(tmp_path: pathlib.Path) -> None:
    with FakeNetwork(FakeIos("busy", {}, Fault("closes_after_login"))) as network:
        refused(login(network, tmp_path, timeout=5), Unreachable)


def test_a_session_that_is_lost_says_during_what() -> None:
    with pytest.raises(SessionLost, match="'show ip route'"):
        over_ssh(IOS, "cisco_ios", request(), Fault("loses", "show ip route"))


def test_a_command_that_does_not_end(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    (device,) = network.devices.values()
    device.fault = Fault("hangs", "show version")
    with Session.open(login(network, tmp_path), IOS) as session, pytest.raises(NoAnswer, match="'show version'"):
        session.ask("show version", patience=2)


def test_a_pager_that_the_account_may_not_turn_off(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    (device,) = network.devices.values()
    device.fault = Fault("pages", "show version")
    with Session.open(login(network, tmp_path), IOS) as session, pytest.raises(NoAnswer, match="pager"):
        session.ask("show version", patience=3)


def test_a_banner_that_looks_like_a_prompt() -> None:
    facts, _device = over_ssh(IOS, "cisco_ios", request(), Fault("banner_prompt"))
    assert len(facts["interfaces"]) == 5


def test_bytes_that_are_no_text() -> None:
    facts, _device = over_ssh(IOS, "cisco_ios", request(), Fault("garbles", "show version"))
    assert facts["parts"]["routes"]["complete"]


def test_another_platform_than_the_one_named(tmp_path: pathlib.Path) -> None:
    """It is a FortiGate, and knows no command of IOS: a clear error, and nothing but questions was sent."""
    with FakeNetwork(FakeIos("wrong", {})) as network:
        with Session.open(login(network, tmp_path), IOS) as session, pytest.raises(DeviceError, match="interfaces"):
            gather(IOS, session, request())
        (device,) = network.devices.values()
        assert device.received and all(line.startswith("show ") for line in device.received)


def test_an_unknown_platform_is_named_with_those_that_there_are() -> None:
    with pytest.raises(DeviceError, match=r"'cisco' is no platform .* cisco_ios .* ansible_network_os"):
        dialect_of("cisco")


@pytest.mark.parametrize("command", [
    "configure terminal", "reload", "clear ip route *", "copy running-config startup-config", "write memory",
    "show version | redirect flash:x", "show running-config | tee flash:x", "show version\nreload", "do show version",
    "show tech-support", "", "debug ip packet",
])  # fmt: skip
def test_what_does_not_only_read_is_not_sent(network: FakeNetwork, tmp_path: pathlib.Path, command: str) -> None:
    with Session.open(login(network, tmp_path), IOS) as session, pytest.raises(NotReadOnly):
        session.ask(command)
    (device,) = network.devices.values()
    assert device.received == []


def test_a_refused_command_says_what_the_device_said(network: FakeNetwork, tmp_path: pathlib.Path) -> None:
    with Session.open(login(network, tmp_path), IOS) as session, pytest.raises(Rejected, match="Invalid input"):
        session.ask("show unicorns")


def test_secrets_are_in_no_result() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"
    text = (f'username bob secret 9 $9$abc\n neighbor 192.0.2.1 password 7 0822455D0A16\nset psksecret ENC s3cr3t==\n'
            f'snmp-server community p0blic RO\npre-shared-key "two words";\n{key}\nlogin {PASSWORD} again')
    found = redacted(text, [PASSWORD])
    for secret in ("$9$abc", "0822455D0A16", "s3cr3t", "p0blic", "two words", "abc\n", PASSWORD):
        assert secret not in found, found
    assert "neighbor 192.0.2.1" in found and "username bob" in found


@pytest.mark.parametrize("platform", sorted(FAKES))
def test_the_engine_takes_every_platform_for_a_host(platform: str) -> None:
    dialect = dialect_of(platform)
    sound, why = look_over(facts_of(dialect, platform, request("tcp 10.10.0.20:51000 > 172.16.9.9:443")))
    assert sound is not None and sound["interfaces"] and sound["routes"], why
    damaged = {name: part for name, part in sound["parts"].items() if part.get("damaged")}
    assert not damaged, damaged


@pytest.mark.parametrize("platform", sorted(FAKES))
def test_every_platform_is_read_by_one_login_that_changes_nothing(platform: str) -> None:
    dialect = dialect_of(platform)
    facts, device = over_ssh(dialect, platform, request("tcp 10.10.0.20:51000 > 172.16.9.9:443"))
    assert device.logins == 1 and facts["platform"] == platform and facts["interfaces"]
    session_scoped = {*dialect.opening, *dialect.closing}
    assert device.received and all(
        dialect.reading.fullmatch(line) or line in session_scoped for line in device.received), device.received
