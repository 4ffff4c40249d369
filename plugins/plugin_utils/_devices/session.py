# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A session with a device over SSH: one login, questions, answers. netmiko speaks; this says what may be said.

Host keys are checked unless the user says otherwise. netmiko changes no setting at login (``allow_auto_change``).
"""

from __future__ import annotations

import codecs
import dataclasses
import re
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    NoAnswer,
    NotReadOnly,
    Rejected,
    SessionLost,
    Unreachable,
    explain,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.redaction import redacted

_PAGER = ("--More--", "-- More --", "---(more", "lines 1-", "<--- More --->")
_ERROR_LINES = 6  # of an answer, in which the device says that it does not know the command


@dataclasses.dataclass(frozen=True)
class Login:
    """Where a device is and who logs in. ``secret``: of the privileged mode, where there is one."""

    name: str
    address: str
    port: int = 22
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    secret: str = dataclasses.field(default="", repr=False)
    key_file: str = ""
    passphrase: str = dataclasses.field(default="", repr=False)
    host_key_checking: bool = True
    known_hosts: str = ""  # a file; empty: that of the user
    ssh_config: str = ""  # a file of OpenSSH, for jump hosts
    timeout: float = 30.0
    patience: float = 0.0  # the longest that an answer may take, in seconds; 0: as long as its command is worth

    @property
    def where(self) -> str:
        return f"{self.name} ({self.address}:{self.port})"

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.password, self.secret, self.passphrase)))


class Session:
    """One login. Every line that was sent is in ``sent``, in order and without secrets."""

    def __init__(self, login: Login, dialect: Dialect, connection: t.Any, read_only: bool = True) -> None:
        self.login = login
        self.dialect = dialect
        self.read_only = read_only
        self.sent: list[str] = []
        self.answers: dict[str, str] | None = None  # to questions, where somebody wants to keep them
        self._connection = connection
        self._heard = ""  # the last that the device said
        self._lost: SessionLost | None = None
        self._silent = ""  # the command to which it owes an answer; it would not hear a farewell
        self._listen()

    @property
    def where(self) -> str:
        return self.login.where

    def _listen(self) -> None:
        """Keep what the device says last, and notice when it ends the session: netmiko waits for the prompt until the
        time is over."""
        channel = self._connection.channel
        read = channel.read_channel

        def read_channel() -> str:
            text = str(read())
            if not text and getattr(channel.remote_conn, "closed", False):
                raise EOFError("the device has closed the session")
            self._heard = (self._heard + text)[-200:]
            return text

        channel.read_channel = read_channel
        channel.remote_conn.recv = _visibly(channel.remote_conn.recv)

    @classmethod
    def open(cls, login: Login, dialect: Dialect, read_only: bool = True) -> Session:
        """Log in; raises DeviceError."""
        try:
            from netmiko import ConnectHandler
        except ImportError as error:
            raise DeviceError(f"netmiko is missing on the control node ({error}): pip install netmiko") from error
        try:
            connection = (dialect.driver() or ConnectHandler)(**_arguments(login, dialect))
        except Exception as error:  # netmiko, paramiko, socket and driver each raise their own, down to ValueError
            raise explain(error, login.where) from error
        session = cls(login, dialect, connection, read_only)
        try:
            session._privileged()
            for line in dialect.opening:
                session._send(line, 30)
        except DeviceError:
            session.close()
            raise
        return session

    def _privileged(self) -> None:
        connection = self._connection
        if not self.login.secret or not hasattr(connection, "enable"):
            return
        try:
            if not connection.check_enable_mode():
                connection.enable()
        except Exception as error:
            raise explain(error, self.login.where, "enable") from error

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Log out. A session that has ended already is no error here."""
        try:
            if self._silent:
                self._connection.remote_conn_pre.close()
                return
            for line in self.dialect.closing:
                self._send(line, 10)
            self._connection.disconnect()
        except Exception:  # noqa: BLE001 - nothing can be done about it, and what was asked is answered
            self._connection.remote_conn = None

    def ask(self, command: str, patience: float = 60) -> str:
        """The answer to a command that only reads. Raises NotReadOnly (nothing was sent), Rejected and DeviceError."""
        if not self.dialect.reading.fullmatch(command) or "\n" in command:
            raise NotReadOnly(f"{self.login.where}: {command!r} is not among the commands that only read on "
                              f"{self.dialect.title}; it was not sent")
        if self._lost:
            raise self._lost
        if self._silent:  # what comes next would be taken for the answer to this
            raise NoAnswer(f"{self.login.where}: {command!r} was not sent, since {self._silent!r} is not answered yet")
        answer = self._send(command, patience)
        head = "\n".join(answer.splitlines()[:_ERROR_LINES])
        refused = self.dialect.errors.search(head)
        if refused:
            said = " ".join(head[refused.start():].split())
            raise Rejected(f"{self.login.where}: {command!r} was refused: {self.clean(said)[:200]}", answer)
        if self.answers is not None:
            self.answers[command] = answer
        return answer

    def type(self, line: str, patience: float = 30, tolerant: bool = False) -> str:
        """Send a line that changes something; ``tolerant``: what the device says to it is no error.

        Raises NotReadOnly where the session may only read (nothing was sent), Rejected and DeviceError.
        """
        if self.read_only or "\n" in line:
            raise NotReadOnly(f"{self.login.where}: this session may only read; {self.clean(line)!r} was not sent")
        answer = self._send(line, patience, echo=False)
        refused = self.dialect.errors.search(answer)
        if refused and not tolerant:
            said = " ".join(answer[refused.start():].split())
            raise Rejected(f"{self.login.where}: {self.clean(line)!r} was refused: {self.clean(said)[:200]}", answer)
        return answer

    def type_until(self, line: str, seconds: float, patience: float = 15) -> str:
        """Send a line whose output goes on, and interrupt it (Ctrl-C) where it has not ended after so many seconds.

        Raises NotReadOnly where the session may only read (nothing was sent), Rejected and DeviceError.
        """
        if self.read_only or "\n" in line:
            raise NotReadOnly(f"{self.login.where}: this session may only read; {self.clean(line)!r} was not sent")
        self.sent.append(self.clean(line))
        try:
            answer = self._until_prompt(line, seconds, patience)
        except Exception as error:
            raise self._failed(line, error) from error
        refused = self.dialect.errors.search(answer)
        if refused:
            said = " ".join(answer[refused.start():].split())
            raise Rejected(f"{self.login.where}: {self.clean(line)!r} was refused: {self.clean(said)[:200]}", answer)
        return answer

    def _until_prompt(self, line: str, seconds: float, patience: float) -> str:
        """What comes until the prompt does; raises NoAnswer, and what netmiko raises."""
        connection = self._connection
        prompt = re.compile(rf"(?:^|[\r\n]){re.escape(connection.base_prompt)}[^\r\n]*[#$>] ?\Z")
        connection.clear_buffer()
        connection.write_channel(line + connection.RETURN)
        text, until, interrupted = "", time.monotonic() + seconds, False
        while not prompt.search(text):
            if time.monotonic() > until:
                if interrupted:
                    raise NoAnswer(f"{self.login.where}: no prompt after {line!r} was interrupted")
                connection.write_channel("\x03")
                until, interrupted = time.monotonic() + patience, True
            time.sleep(0.1)
            text += connection.read_channel()
        text = prompt.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        return text.partition("\n")[2]  # without the echo

    def abandon(self, doing: str) -> None:
        """Nothing that the session says any more can be understood; it has to be opened anew."""
        self._silent = doing

    def leave_configuration(self, *lines: str) -> None:
        """Go back to where commands are given, wherever the session stands."""
        for line in lines if self.configuring() else ():
            self.type(line, tolerant=True)

    def configuring(self) -> bool:
        """Whether a configuration is typed where the session stands; raises DeviceError."""
        try:
            return bool(self._connection.check_config_mode())
        except Exception as error:
            raise self._failed("an empty line", error) from error

    def see_that_it_answers(self) -> None:
        """Raise DeviceError where the session has ended unnoticed, as while nothing was asked for a while."""
        try:
            self._connection.find_prompt()
        except Exception as error:
            raise self._failed("an empty line", error) from error

    @property
    def lost(self) -> bool:
        """Whether the device owes an answer, or has gone."""
        return bool(self._silent)

    def reopen(self) -> None:
        """Log in once more, after the session was lost; raises DeviceError."""
        self.close()
        other = Session.open(self.login, self.dialect, self.read_only)
        self.sent += other.sent
        self._connection, self._heard, self._silent, self._lost = other._connection, "", "", None
        self._listen()

    def clean(self, text: str) -> str:
        """The text without secrets."""
        return redacted(text, self.login.secrets)

    def _send(self, command: str, patience: float, echo: bool = True) -> str:
        """``echo``: wait for the command to come back first; a long line comes back in pieces."""
        modes = self.dialect.modes  # the prompt may be another after the command than before
        until = rf"(?m)^{re.escape(self._connection.base_prompt)}{modes}" if modes else None
        self.sent.append(self.clean(command))
        patience = min(patience, self.login.patience or patience)
        try:
            answer = self._connection.send_command(command, read_timeout=patience, strip_prompt=True,
                                                   strip_command=True, cmd_verify=echo, expect_string=until)
        except Exception as error:
            raise self._failed(command, error) from error
        text = str(answer).replace("\r\n", "\n").replace("\r", "\n")
        if any(text.rstrip().rpartition("\n")[2].startswith(pager) for pager in _PAGER):
            self._silent = self.clean(command)
            raise self._paged(command)
        return text

    def _failed(self, command: str, error: Exception) -> DeviceError:
        """What a command without an answer means; the session is not used any more."""
        self._silent = self.clean(command)
        if any(pager in self._heard.rpartition("\n")[2] for pager in _PAGER):
            return self._paged(command)
        told = explain(error, self.login.where, command)
        self._lost = told if isinstance(told, SessionLost) else None
        return told

    def _paged(self, command: str) -> NoAnswer:
        return NoAnswer(f"{self.login.where}: the answer to {command!r} stops at a pager; the account may not turn "
                        "paging off")


def _arguments(login: Login, dialect: Dialect) -> dict[str, t.Any]:
    """For netmiko's ConnectHandler; each default of its own that would be unsafe or slow is stated."""
    if not login.user:
        raise Unreachable(f"{login.where}: no user to log in as; set ansible_user")
    strict = login.host_key_checking
    keys: dict[str, t.Any] = {"ssh_strict": strict, "system_host_keys": strict and not login.known_hosts}
    if strict and login.known_hosts:
        keys.update(alt_host_keys=True, alt_key_file=login.known_hosts)
    if login.key_file:
        keys.update(use_keys=True, key_file=login.key_file, passphrase=login.passphrase or None)
    return {
        "device_type": dialect.device_type, "host": login.address, "port": login.port, "username": login.user,
        "password": login.password, "secret": login.secret, "conn_timeout": login.timeout,
        "banner_timeout": login.timeout, "auth_timeout": login.timeout, "blocking_timeout": login.timeout,
        "keepalive": 30, "allow_auto_change": False, "allow_agent": False,
        "ssh_config_file": login.ssh_config or None, **keys, **dialect.connect_options,
    }


def _visibly(receive: t.Callable[[int], bytes]) -> t.Callable[[int], bytes]:
    """What is no text as U+FFFD, which the parts look for: netmiko would leave it out."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def recv(size: int) -> bytes:
        while True:
            data = receive(size)
            text = decoder.decode(data)
            if text or not data:  # nothing is the end of the session; half a letter is not
                return text.encode()

    return recv
