# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The services that IPVS hands on to other hosts: /proc/net/ip_vs (ip_vs_ctl.c, ip_vs_info_seq_show).

From documentation only: no kernel that this was tested on has IPVS.
"""

from __future__ import annotations

import socket
import typing as t

Dict = dict[str, t.Any]
PATH = "/proc/net/ip_vs"


def read(path: str = PATH) -> list[Dict]:
    """The virtual services of this network namespace; an empty list without IPVS. Raises OSError where it is hidden."""
    try:
        with open(path, encoding="ascii") as stream:
            return parse(stream.read())
    except FileNotFoundError:
        return []


def parse(text: str) -> list[Dict]:
    """``{protocol, address, port}`` or ``{mark}`` with the ``servers`` and their ``mode`` of each service. Pure."""
    services: list[Dict] = []
    for line in text.splitlines()[3:]:
        words = line.split()
        if words[:1] == ["->"] and services and len(words) > 2:
            address, port = _endpoint(words[1])
            services[-1]["servers"].append({"address": address, "port": port, "mode": words[2].lower()})
        elif len(words) > 1 and words[0] == "FWM":
            services.append({"mark": int(words[1], 16), "servers": []})
        elif len(words) > 1 and words[0] in ("TCP", "UDP", "SCTP"):
            address, port = _endpoint(words[1])
            services.append({"protocol": words[0].lower(), "address": address, "port": port, "servers": []})
    return services


def _endpoint(text: str) -> tuple[str, int]:
    """``0A050001:01BB`` or ``[2001:0db8:...:0001]:01BB``: address and port in hexadecimal digits."""
    host, _colon, port = text.rpartition(":")
    if host.startswith("["):
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.strip("[]"))), int(port, 16)
    return socket.inet_ntop(socket.AF_INET, bytes.fromhex(host)), int(port, 16)
