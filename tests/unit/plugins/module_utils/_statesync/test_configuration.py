# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a conntrackd.conf says. Whether a file is taken at all is asked of conntrackd itself, in tests/lab."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import (
    ALL_HELPERS,
    Choice,
    Configuration,
    Filter,
    Link,
    Warned,
    is_active,
    parse,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration_grammar import (
    ConfigurationError,
)

PAIR = """\
# a pair
Sync {
    Mode notrack {
        DisableInternalCache on
        DisableExternalCache Yes
        StartupResync yes
    }
    UDP {
        IPv4_address 172.31.0.1
        IPv4_Destination_Address 172.31.0.2
        Port 3780
        Interface sync0
        SndSocketBuffer 1249280
        RcvSocketBuffer 1249281
        Checksum off
    }
    UDP Default {
        IPv6_address fe80:0::1
        IPv6_Destination_Address fe80::2
        Port 3781
        Interface sync1
    }
    Options {
        TCPWindowTracking on
        ExpectationSync {
            ftp
            h.245
        }
    }
}
General {
    HashSize 32768
    HashLimit 524288
    LockFile /run/a.lock
    UNIX {
        Path /run/a.ctl
    }
    NetlinkOverrunResync off
    NetlinkEventsReliable on
    Filter From Kernelspace {
        Protocol Accept {
            TCP
            IPv6-ICMP
        }
        Address Ignore {
            IPv4_address 127.0.0.1 # loopback
            IPv4_address 10.1.2.3/8
            IPv6_address ::1
        }
        State Accept {
            ESTABLISHED CLOSED for TCP
            SYN_SENT for TCP
        }
    }
}
"""


def test_a_whole_file() -> None:
    found = parse(PAIR)
    links = (
        Link("udp", 8, False, "sync0", "172.31.0.1", "172.31.0.2", "", 3780, 1249280, 1249281, False),
        Link("udp", 17, True, "sync1", "fe80::1", "fe80::2", "", 3781),
    )
    assert found == Configuration(
        kind="sync", mode="notrack", mode_given=True, internal_cache=False, external_cache=False, startup_resync=True,
        window_tracking=True, expectations=("ftp", "h.245"), links=links, hash_size=32768, hash_limit=524288,
        lock_file="/run/a.lock", socket="/run/a.ctl", overrun_resync=None, reliable_events=True,
        filter=Filter("kernelspace", Choice("accept", ("tcp", "ipv6-icmp")),
                      Choice("ignore", ("127.0.0.1/32", "10.1.2.3/8", "::1/128")),
                      Choice("accept", ("established", "close", "syn_sent"))))
    assert [is_active(link, links) for link in links] == [False, True]
    assert is_active(links[0], links[:1])


def test_what_is_left_out_takes_the_default() -> None:
    assert parse("") == Configuration()
    assert parse("General {\n}\n").lock_file == "/var/lock/conntrack.lock"
    assert parse("Sync { Mode FTFW { ResendQueueSize 0 ACKWindowSize 0 PurgeTimeout 0 } }").resend_queue == 131072


@pytest.mark.parametrize(("inside", "name", "value"), [
    ("Sync { Mode NOTRACK { } Mode ALARM { RefreshTime 3 } }", "mode", "alarm"),
    ("Sync { Options { ExpectationSync on } }", "expectations", ALL_HELPERS),
    ("Sync { Options { ExpectationSync { ftp } ExpectationSync no } }", "expectations", None),
    ("General { HashLimit 99999999999999999999 }", "hash_limit", -1),  # atoi
    ("General { HashLimit 4294967297 }", "hash_limit", 1),
    ("General { LogFile on LogFile off }", "log_file", "/var/log/conntrackd.log"),
    ("General { Syslog local3 Syslog bogus }", "syslog", "local3"),
    ("General { Filter { Protocol Accept { TCP } Protocol Ignore { UDP } } }", "filter",
     Filter(protocols=Choice("ignore", ("tcp", "udp")))),
    ("General { Filter { Address Accept { IPv4_address 010.0.0.1 } } }", "filter",
     Filter(addresses=Choice("accept", ("8.0.0.1/32",)))),  # inet_aton
])
def test_as_the_daemon_understands_it(inside: str, name: str, value: object) -> None:
    assert getattr(parse(inside), name) == value


@pytest.mark.parametrize(("inside", "line", "says"), [
    ("General {\nNice -5\n}\n", 2, "Nice is ignored"),
    ("General { Filter {\n Address Ignore {\n IPv4_address 1.2.3.999\n} } }\n", 3,
     "1.2.3.999 is ignored: it is no IPv4 address"),
    ("General { Filter { Protocol Accept { bogus } } }", 1, "bogus is ignored: /etc/protocols does not name it"),
    ("Sync { Multicast { IPv4_address 225.0.0.50\nIPv6_address ff02::1 } }", 2,
     "ff02::1 is ignored: 225.0.0.50, of the other address family, stands before it"),
    ("General {\n}\né Sync {\n", 3, "conntrackd reads no further: this character is not of ASCII"),
])
def test_what_the_daemon_ignores_is_named(inside: str, line: int, says: str) -> None:
    assert parse(inside).warnings == (Warned(line, says),)


@pytest.mark.parametrize(("inside", "line", "says"), [
    ("Sync {\n Mode FTFW {\n  DisableInternalCache on\n } }", 3, "'DisableInternalCache' is not a directive of Mode"),
    ("Sync {\n Mode\n BEST {\n } }", 3, "Mode needs alarm or ftfw or notrack here, not 'BEST'"),
    ("General {\n HashSize many\n}", 2, "HashSize needs number here, not 'many'"),
    ("General {\n HashSize 5\n", 3, "end of the file is not a directive of General"),
    ("Sync { UDP { } TCP {\n } }", 1, "TCP cannot be used beside udp: links are of one kind"),
    ("Sync {\n" + "UDP { Port 1 }\n" * 5 + "}", 6, "more than 4 dedicated links"),
    ("Sync { } Stats { }", 1, "Sync and Stats cannot both stand in the file"),
    ("General { PollSecs 0 }", 1, "PollSecs must be greater than 0"),
    ("General { Filter { State Accept { ESTABLISHED } } }", 1,
     "'}' stands where State needs TCP states and \"for TCP\""),
    ("General { LogFile \"/a\" }", 1, "LogFile needs on or off or path here, not '\"'"),
])
def test_what_the_daemon_refuses_is_named_with_its_line(inside: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(inside)
    assert str(raised.value) == f"line {line}: {says}"
    assert raised.value.line == line
