# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device of ours that speaks SSH as a platform does: login dialogue, prompts, errors, and answers of a transcript.

It records every line that it receives, so that a test can say what was sent and in which order. It listens on
loopback, on a port that the kernel chooses.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import threading
import time
import typing as t

import asyncssh

USER, PASSWORD = "admin", "Correct-horse-1"


@dataclasses.dataclass
class Fault:
    """What goes wrong. ``command``: at which line it does; the others need none."""

    kind: str  # closes_after_login, loses, loses_after, refuses, hangs, cuts, pages, garbles, banner_prompt
    command: str = ""
    passes: int = 0  # how often the line goes well first
    once: bool = False  # only one time
    gone: bool = False  # nobody is let in any more after it


class FakeDevice:
    """One device; subclasses are platforms (platforms.py). It lives across sessions."""

    prompt = "{name}#"
    login_lines: t.Mapping[str, str] = {}  # what the driver sends at login (a pattern), and the answer
    unknown = "% Invalid input detected at '^' marker."
    methods: t.ClassVar[tuple[str, ...]] = ("password", "keyboard-interactive")
    user = USER

    def __init__(self, name: str, answers: t.Mapping[str, t.Sequence[str]], fault: Fault | None = None) -> None:
        self.name = name
        self.fault = fault
        self.received: list[str] = []  # lines but for those of the login, of all sessions
        self.logins = 0
        self.seconds: list[float] = []  # that each connection took, from its beginning to its end
        self.gone = False  # lets nobody in
        self.delay = 0.0  # seconds before the first prompt
        self.connections: list[t.Any] = []  # that are open now
        self._answers = {command: list(listed) for command, listed in answers.items()}

    def hang_up(self) -> None:
        """End all sessions, from another thread than theirs, and wait until they have."""
        for connection in list(self.connections):
            connection.get_extra_info("loop_of_fake").call_soon_threadsafe(connection.abort)
        deadline = time.monotonic() + 10
        while self.connections:
            assert time.monotonic() < deadline, "a session did not end"
            time.sleep(0.01)

    def fault_at(self, line: str) -> Fault | None:
        """What goes wrong with this line, this time."""
        fault = self.fault
        if not fault or fault.command != line:
            return None
        if fault.passes:
            fault.passes -= 1
            return None
        self.fault = None if fault.once else fault
        self.gone = fault.gone
        return fault

    def shown_prompt(self, session: dict[str, t.Any]) -> str:
        return self.prompt.format(name=self.name)

    def handle(self, session: dict[str, t.Any], line: str) -> str | None:
        """The answer to a line; None ends the session."""
        for pattern, answer in self.login_lines.items():
            if re.fullmatch(pattern, line):
                return answer
        if line in ("exit", "quit", "logout"):
            return None
        if line:
            self.received.append(line)
        return self.command(session, line)

    def left(self, session: dict[str, t.Any]) -> None:
        """A session has ended, however."""

    def echo(self, session: dict[str, t.Any], typed: str) -> str:
        """What is shown of a letter that was typed, the last of these."""
        return typed[-1]

    def interrupt(self, session: dict[str, t.Any]) -> str:
        """What is said to Ctrl-C."""
        return "^C"

    def pages(self, answer: str) -> list[str]:
        """What is shown at a time, where a pager stops the answer."""
        return [answer]

    def command(self, session: dict[str, t.Any], line: str) -> str | None:
        if not line:
            return ""
        listed = self._answers.get(line)
        if listed is None:
            return self.unknown
        return listed.pop(0) if len(listed) > 1 else listed[0]


class _Server(asyncssh.SSHServer):
    def __init__(self, device: FakeDevice) -> None:
        self._device = device

    def connection_made(self, conn: t.Any) -> None:
        self._began, self._conn = time.monotonic(), conn
        conn.set_extra_info(loop_of_fake=asyncio.get_running_loop())
        self._device.connections.append(conn)
        if self._device.gone:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._device.connections.remove(self._conn)
        self._device.seconds.append(time.monotonic() - self._began)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return "password" in self._device.methods

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (self._device.user, PASSWORD)

    def kbdint_auth_supported(self) -> bool:
        return "keyboard-interactive" in self._device.methods

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> t.Any:
        self._user = username
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: t.Sequence[str]) -> bool:
        return (username, list(responses)) == (self._device.user, [PASSWORD])


async def _serve(device: FakeDevice, process: t.Any) -> None:
    device.logins += 1
    fault = device.fault
    if fault and fault.kind == "closes_after_login":
        process.exit(1)
        return
    await asyncio.sleep(device.delay)
    session: dict[str, t.Any] = {}
    banner = f"Authorised use only; the prompt is {device.shown_prompt(session)} and # and >\r\n"
    process.stdout.write((banner if fault and fault.kind == "banner_prompt" else "") + "\r\n")
    process.stdout.write(device.shown_prompt(session))
    try:
        await _converse(process, device, session)
    finally:
        device.left(session)


async def _converse(process: t.Any, device: FakeDevice, session: dict[str, t.Any]) -> None:
    async for line in _lines(process, device, session):
        wrong = device.fault_at(line)
        if wrong and wrong.kind in ("loses", "hangs"):
            device.received.append(line)
            if wrong.kind == "loses":
                process.channel.get_connection().abort()
            await asyncio.sleep(3600 if wrong.kind == "hangs" else 0)
            return
        if wrong and wrong.kind == "refuses":
            device.received.append(line)
        answer = device.unknown if wrong and wrong.kind == "refuses" else device.handle(session, line)
        if wrong and wrong.kind == "loses_after":
            process.channel.get_connection().abort()
            return
        if answer is None:
            break
        if wrong:
            answer = _spoilt(answer, wrong.kind)
        if wrong and wrong.kind == "pages":
            process.stdout.write(answer.replace("\n", "\r\n") + "\r\n --More-- ")
            await asyncio.sleep(3600)
        text = answer.replace("\r\n", "\n").replace("\n", "\r\n").rstrip("\r\n")
        session["pages"] = device.pages(text)
        _turn(process, device, session)
    process.exit(0)


def _turn(process: t.Any, device: FakeDevice, session: dict[str, t.Any]) -> None:
    """Show the next page, and what comes after it: the pager, or the prompt."""
    text = session["pages"].pop(0)
    process.stdout.write(text + ("\r\n" if text else ""))
    process.stdout.write("--More-- " if session["pages"] else device.shown_prompt(session))


def _spoilt(answer: str, kind: str) -> str:
    if kind == "cuts":
        return answer[: len(answer) * 2 // 3]
    if kind == "garbles":
        return answer.replace("e", "\udcff\udcfe", 3)
    return answer


async def _lines(process: t.Any, device: FakeDevice, session: dict[str, t.Any]) -> t.AsyncIterator[str]:
    """Lines that the client types, echoed as a terminal does."""
    buffer = ""
    while True:
        try:
            data = await process.stdin.read(4096)
        except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
            continue
        if not data:
            return
        last = ""  # only what is sent at once is one end of a line
        for letter in data:
            if session.get("pages"):  # the pager takes one key, and wipes itself out
                process.stdout.write("\r         \r")
                _turn(process, device, session)
                continue
            if letter == "\x03":
                said = device.interrupt(session).replace("\n", "\r\n")
                process.stdout.write(f"{said}\r\n{device.shown_prompt(session)}")
                buffer = ""
                continue
            if letter == "\n" and last == "\r":
                last = letter
                continue
            last = letter
            if letter in "\r\n":
                process.stdout.write("\r\n")
                yield buffer.strip()
                buffer = ""
            else:
                buffer += letter
                process.stdout.write(device.echo(session, buffer))


class FakeNetwork:
    """Fake devices that listen; a context. ``ports`` are by name."""

    def __init__(self, *devices: FakeDevice, options: t.Mapping[str, t.Any] | None = None) -> None:
        self.options = options or {}  # of asyncssh
        self.devices = {device.name: device for device in devices}
        self.ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._servers: list[t.Any] = []
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def host_key(self) -> str:
        return self._key.export_public_key().decode().strip()

    def known_hosts(self) -> str:
        """The text of a known_hosts file for all devices."""
        return "".join(f"[127.0.0.1]:{port} {self.host_key}\n" for port in self.ports.values())

    def __enter__(self) -> FakeNetwork:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> None:
        for name, device in self.devices.items():
            server = await asyncssh.create_server(
                lambda device=device: _Server(device), "127.0.0.1", 0, server_host_keys=[self._key],
                process_factory=lambda process, device=device: _serve(device, process), line_editor=False,
                encoding="utf-8", errors="surrogateescape", **self.options,
            )
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10)
