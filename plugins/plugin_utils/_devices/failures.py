# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What can go wrong with a device, in words: netmiko and paramiko raise a few classes for many causes.

The cause is often only in ``__context__`` or in the text; both are read here and nowhere else.
"""

from __future__ import annotations

import socket
import typing as t


class DeviceError(Exception):
    """A device could not be used; the message says what, where and what to do."""


class Unreachable(DeviceError):
    """Nobody answers at this address and port, or the session did not come up."""


class HostKeyRefused(DeviceError):
    """The key that the device shows is unknown, or is not the known one."""


class LoginRefused(DeviceError):
    """The device does not accept the user, the password or the key."""


class SessionLost(DeviceError):
    """The session ended in the middle. After a command that changes something, whether it did is not known."""


class NoAnswer(DeviceError):
    """The device did not come back with its prompt in time."""


class Rejected(DeviceError):
    """The device does not know a command, or refuses it; ``answer`` is what it said."""

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


class NotReadOnly(DeviceError):
    """A session that may only read was asked to change something. It was not sent."""


def _chain(error: BaseException) -> t.Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def explain(error: BaseException, where: str, doing: str = "") -> DeviceError:
    """The failure of a session with the device ``where`` (``name (address:port)``), as one of ours.

    ``doing``: the command that was on its way; empty while logging in.
    """
    if isinstance(error, DeviceError):
        return error
    names = {type(one).__name__ for one in _chain(error)}
    text = " ".join(str(one) for one in _chain(error))
    for kind, applies, words in _LOGIN if not doing else ():
        if applies(names, text):
            return kind(f"{where}: {words}")
    if "ReadTimeout" in names:
        return NoAnswer(f"{where}: no prompt after {doing or 'the login'!r} in time: the command is slow, or the "
                        "prompt has changed; raise the timeout, or ask for less")
    if doing:
        return SessionLost(f"{where}: the session ended during {doing!r} ({_first_line(error)})")
    return Unreachable(f"{where}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


_Applies = t.Callable[[set[str], str], bool]
_LOGIN: tuple[tuple[type[DeviceError], _Applies, str], ...] = (
    (HostKeyRefused, lambda names, text: "BadHostKeyException" in names,
     "its host key is not the known one. Either the device was replaced, or somebody stands in between; compare the "
     "fingerprints before the old key is removed from known_hosts"),
    (HostKeyRefused, lambda names, text: "not found in known_hosts" in text,
     "its host key is not known. Add it to known_hosts (ssh-keyscan, after comparing the fingerprint), or set "
     "host_key_checking to false"),
    (Unreachable, lambda names, text: "no acceptable" in text or "IncompatiblePeer" in names,
     "it offers only algorithms that this control node has given up (SHA-1). Renew its SSH keys, or install "
     "'netmiko[par4]' (paramiko 4) on the control node"),
    (LoginRefused, lambda names, text: bool({"NetmikoAuthenticationException", "AuthenticationException"} & names),
     "it does not accept the login: check ansible_user, and ansible_password or ansible_ssh_private_key_file"),
    (Unreachable, lambda names, text: socket.gaierror.__name__ in names or "DNS failure" in text,
     "its name does not resolve: check ansible_host"),
    (Unreachable, lambda names, text: "NoValidConnectionsError" in names or "ConnectionRefusedError" in names,
     "nothing listens there, or a firewall refuses: check ansible_host, ansible_port and the device's SSH service"),
    (Unreachable, lambda names, text: "TCP connection to device failed" in text or "TimeoutError" in names,
     "it does not answer: check ansible_host and ansible_port, and the way from this control node"),
    (Unreachable, lambda names, text: "EOFError" in names or "Socket is closed" in text or "SSHException" in names,
     "it closes the connection before or after the login: too many sessions, an access list on its lines, or an "
     "account without a shell"),
)
