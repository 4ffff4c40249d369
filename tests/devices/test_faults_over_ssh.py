# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a session, on every platform: facts that say what they lack, or an error that says where.

The normal run takes a sample of the commands; ``pytest tests/devices/test_faults_over_ssh.py --every-fault`` all.
"""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import TOP
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.documented import without_an_end
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, FakeDevice, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.platforms import FAKES
from ansible_collections.netpath.symmetry.tests.devices.reading import request, validate

Dict = dict[str, t.Any]
WANTED = request("tcp 10.10.0.20:51000 > 172.16.9.9:443")
PATIENCE = 2.0  # seconds for an answer; the fakes need a tenth of that
LONGEST = 40.0  # seconds for a login and all answers, with other sessions at the same time
AT_A_COMMAND = ("loses", "hangs", "cuts", "garbles", "pages")
AT_LOGIN = ("banner_prompt", "wrong_password")
TOGETHER = 12  # sessions at a time; they wait most of it


class Outcome(t.NamedTuple):
    fault: Fault
    facts: Dict | None
    error: BaseException | None
    seconds: float
    device: FakeDevice


@functools.cache
def sound(platform: str) -> tuple[Dict, tuple[str, ...]]:
    """The facts without any fault, and the commands that were asked and answered, in order."""
    dialect = dialect_of(platform)
    answers = transcripts.read(platform)
    transcript = transcripts.Transcript(dialect, answers)
    facts = gather(dialect, transcript, WANTED, sleep=lambda _seconds: None)
    return facts, tuple(command for command in dict.fromkeys(transcript.sent) if command in answers)


def part(facts: Dict, name: str) -> t.Any:
    return (facts if name in TOP else facts["device"]).get(name)


def differing(platform: str, facts: Dict) -> set[str]:
    """Parts that are not what they are without a fault."""
    found = {name for name in facts["parts"] if part(facts, name) != part(sound(platform)[0], name)}
    if "interfaces" in found and not facts["parts"]["policy_routes"]["complete"]:
        # Which policy or list an interface has is of that part, which says that it is not complete.
        own, theirs = (_without_policies(one["interfaces"]) for one in (facts, sound(platform)[0]))
        found -= {"interfaces"} if own == theirs else set()
    return found


def _without_policies(interfaces: Dict) -> Dict:
    return {name: {key: value for key, value in one.items() if key not in ("policy", "access_list_in")}
            for name, one in interfaces.items()}


def cases(platform: str, every: bool) -> list[Fault]:
    commands = sound(platform)[1]
    places = commands if every else (commands[0], commands[len(commands) // 2], commands[-1])
    found = [Fault(kind) for kind in AT_LOGIN]
    for number, kind in enumerate(AT_A_COMMAND):
        # In the sample the platforms share the places; first, middle and last come up for each kind.
        turn = (number + sorted(FAKES).index(platform)) % 3
        found += [Fault(kind, command) for command in (places if every else (places[turn],))]
    return found


def run(platform: str, fault: Fault) -> Outcome:
    dialect = dialect_of(platform)
    device = FAKES[platform](platform, transcripts.read(platform), fault)
    facts, failed = None, None
    with FakeNetwork(device) as network:
        password = "Battery-staple-2" if fault.kind == "wrong_password" else PASSWORD
        one = Login(platform, "127.0.0.1", network.ports[platform], "admin", password, host_key_checking=False,
                    timeout=4.0, patience=PATIENCE)
        began = time.monotonic()
        try:
            with Session.open(one, dialect) as session:
                facts = gather(dialect, session, WANTED, sleep=lambda _seconds: None)
        except BaseException as error:  # noqa: BLE001 - its kind is what is tested
            failed = error
        seconds = time.monotonic() - began
    return Outcome(fault, facts, failed, seconds, device)


def wrong(platform: str, one: Outcome) -> str:
    """What is not as promised, empty where all is."""
    dialect, fault = dialect_of(platform), one.fault
    allowed = {*dialect.opening, *dialect.closing}
    sent = [line for line in one.device.received if not dialect.reading.fullmatch(line) and line not in allowed]
    if sent:
        return f"sent {sent}"
    if one.seconds > LONGEST:
        return f"took {one.seconds:.0f} s"
    if one.facts is None:
        if not isinstance(one.error, DeviceError):
            return f"an error of another kind: {one.error!r}"
        at_login = not fault.command or "'the login'" in str(one.error)  # the driver of PAN-OS asks for the system
        named = (f"{platform} (127.0.0.1:", *([] if at_login else [repr(fault.command)]))
        missing = [text for text in named if text not in str(one.error)]
        return f"{missing} is not in: {one.error}" if missing else ""
    validate(one.facts)
    if fault.kind in ("closes_after_login", "wrong_password"):
        return "facts, as if nothing had happened"
    if fault.kind == "loses" and (fault.command != sound(platform)[1][-1] or differing(platform, one.facts)):
        return "facts, though the session was lost before all was read"
    return _not_told(platform, one.facts, fault)


def _not_told(platform: str, facts: Dict, fault: Fault) -> str:
    """Parts that differ and are said to be complete, or do not say why they are not."""
    known = without_an_end(platform) if fault.kind == "cuts" else set()
    silent = {name for name in differing(platform, facts) - known if facts["parts"][name]["complete"]}
    if silent:
        return f"complete and wrong: {sorted(silent)}"
    whys = " ".join(one.get("why", "") for one in facts["parts"].values())
    if fault.kind in ("hangs", "pages") and repr(fault.command) not in whys and fault.command != sound(platform)[1][-1]:
        return f"no part says that {fault.command!r} was not answered: {whys[:300]}"
    return ""


@pytest.mark.parametrize("platform", sorted(FAKES))
def test_a_fault_is_told(platform: str, pytestconfig: pytest.Config) -> None:
    faults = cases(platform, pytestconfig.getoption("--every-fault"))
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        outcomes = list(pool.map(lambda fault: run(platform, fault), faults))
    found = {f"{one.fault.kind} {one.fault.command}": text for one in outcomes if (text := wrong(platform, one))}
    assert not found, "\n".join(f"{case}: {text}" for case, text in found.items())
    assert len(outcomes) >= len(AT_LOGIN) + len(AT_A_COMMAND)


def test_a_device_that_closes_after_the_login() -> None:
    """On all platforms at once: the driver waits twenty seconds for a prompt."""
    with concurrent.futures.ThreadPoolExecutor(len(FAKES)) as pool:
        outcomes = dict(zip(FAKES, pool.map(lambda one: run(one, Fault("closes_after_login")), FAKES), strict=True))
    found = {platform: text for platform, one in outcomes.items() if (text := wrong(platform, one))}
    assert not found


@pytest.mark.parametrize("platform", sorted(FAKES))
def test_an_answer_that_is_cut(platform: str) -> None:
    """At every command, at three places: exactly the parts that docs/devices.md marks may not notice."""
    dialect, answers = dialect_of(platform), transcripts.read(platform)
    silent: dict[str, list[str]] = {}
    for command, share in itertools.product(sound(platform)[1], (1 / 3, 2 / 3, 9 / 10)):
        cut = {**answers, command: [text[: int(len(text) * share)] for text in answers[command]]}
        try:
            facts = gather(dialect, transcripts.Transcript(dialect, cut), WANTED, sleep=lambda _seconds: None)
        except DeviceError:
            continue
        validate(facts)
        for name in differing(platform, facts):
            if facts["parts"][name]["complete"]:
                silent.setdefault(name, []).append(command)
    assert set(silent) == without_an_end(platform), silent
