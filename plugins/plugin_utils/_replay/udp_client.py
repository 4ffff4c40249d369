# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A UDP client that keeps one 5-tuple and retries: ``python3 udp_client.py SOURCE SPORT DESTINATION DPORT SECONDS``.

Prints one line of JSON per try: the epoch time it was sent and whether it was answered within half a second. Such a
client suffers longest from a bad path, because its connection tracking entry outlives the mending of the route.
"""

from __future__ import annotations

import json
import socket
import sys
import time

INTERVAL = 0.5  # seconds


def main() -> None:
    source, sport, destination, dport, seconds = sys.argv[1:]
    end = time.monotonic() + min(float(seconds), 900.0)
    with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((source, int(sport)))
        client.connect((destination, int(dport)))
        number = 0
        while time.monotonic() < end:
            number += 1
            line = json.dumps({"time": time.time(), "answered": _ask(client, number)})
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            time.sleep(INTERVAL)


def _ask(client: socket.socket, number: int) -> bool:
    """Send one numbered datagram; True when that very number comes back in time."""
    client.settimeout(INTERVAL)
    try:
        client.send(str(number).encode())
        while True:
            if client.recv(64) == str(number).encode():
                return True
    except OSError:  # no answer, or the network says that there is no way
        return False


if __name__ == "__main__":
    main()
