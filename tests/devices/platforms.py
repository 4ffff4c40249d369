# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms as fake devices: what the driver says at login, and what the device answers then.

The lines are those that netmiko's drivers send (read in their source); the answers are what they wait for.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.tests.devices.fake import USER, FakeDevice


class AristaEos(FakeDevice):
    login_lines = {r"terminal width \d+": "Width set to 511 columns.",
                   r"terminal length \d+": "Pagination disabled.", "enable": ""}
    unknown = "% Invalid input"


class CiscoIos(FakeDevice):
    login_lines = {r"terminal (width|length) \d+": "", "enable": ""}


class CiscoAsa(FakeDevice):
    """Without a password for enable the driver sends ``login``, and the device asks for the account once more."""

    login_lines = {r"terminal pager \d+": "", "show curpriv": "Username : admin\nCurrent privilege level : 15",
                   "enable": ""}

    def shown_prompt(self, session: dict[str, t.Any]) -> str:
        return session.get("asks") or super().shown_prompt(session)

    def handle(self, session: dict[str, t.Any], line: str) -> str | None:
        asked = session.pop("asks", "")
        if line == "login" or asked.startswith("Username"):
            session["asks"] = "Username: " if line == "login" else "Password: "
            return ""
        return "" if asked else super().handle(session, line)


class CiscoNxos(FakeDevice):
    login_lines = {r"terminal (width|length) \d+": "", "enable": ""}
    prompt = "{name}# "
    unknown = "                 ^\n% Invalid command at '^' marker."


class CiscoXr(FakeDevice):
    """Every answer begins with the time."""

    login_lines = {r"terminal (width|length) \d+": "Thu Nov 26 10:00:00.123 UTC"}
    prompt = "RP/0/RP0/CPU0:{name}#"
    unknown = "                 ^\n% Invalid input detected at '^' marker."

    def command(self, session: dict[str, t.Any], line: str) -> str | None:
        answer = super().command(session, line)
        return f"\nThu Nov 26 10:00:01.456 UTC\n{answer}" if line and answer else answer


class JuniperJunos(FakeDevice):
    prompt = "admin@{name}> "
    login_lines = {r"set cli screen-width \d+": "Screen width set to 511",
                   "set cli complete-on-space off": "Disabling complete-on-space",
                   r"set cli screen-length \d+": "Screen length set to 0"}
    unknown = "                ^\nunknown command."


class Vyos(FakeDevice):
    prompt = "vyos@{name}:~$ "
    login_lines = {r"set terminal width \d+": "", r"set terminal length \d+": ""}
    unknown = "\n  Invalid command: [nothing]\n"


class PaloaltoPanos(FakeDevice):
    """The driver logs in by keyboard-interactive, and asks for the system's own words before it begins."""

    prompt = "admin@{name}> "
    login_lines = {r"set cli (scripting-mode on|terminal width \d+|pager off)": ""}
    unknown = "Unknown command: what"
    methods = ("keyboard-interactive",)


class Fortinet(FakeDevice):
    """A pager that nobody may switch off for good: it stops after each page until a blank comes."""

    prompt = "{name} # "
    unknown = "Unknown action 0"
    page = 12  # lines

    def pages(self, answer: str) -> list[str]:
        lines = answer.split("\r\n")
        return ["\r\n".join(lines[at : at + self.page]) for at in range(0, len(lines), self.page)]


class MikrotikRouteros(FakeDevice):
    """What the terminal shall do is written behind the user's name."""

    prompt = "[admin@{name}] > "
    unknown = "bad command name what (line 1 column 1)"
    user = f"{USER}+ct511w4098h"


class CheckpointGaia(FakeDevice):
    prompt = "{name}> "
    login_lines = {r"set clienv rows 0": ""}
    unknown = "CLINFR0329  Invalid command:'what'."


FAKES: dict[str, type[FakeDevice]] = {
    "arista_eos": AristaEos,
    "checkpoint_gaia": CheckpointGaia,
    "cisco_asa": CiscoAsa,
    "cisco_ios": CiscoIos,
    "cisco_nxos": CiscoNxos,
    "cisco_xr": CiscoXr,
    "fortinet": Fortinet,
    "juniper_junos": JuniperJunos,
    "mikrotik_routeros": MikrotikRouteros,
    "paloalto_panos": PaloaltoPanos,
    "vyos": Vyos,
}
