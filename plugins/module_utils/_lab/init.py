# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Process 1 of a lab host: starts SSH and the host's services, keeps them running, and reaps what others leave.

This file is copied into the host and run there by itself, so it imports the
standard library only. Killing this process ends everything in the host: it is
the first of its PID namespace (pid_namespaces(7)).
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import sys
import time
import typing as t

READY_WITHIN = 15.0  # seconds
RESTART_AFTER = 1.0  # seconds
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17  # linux/ethtool.h
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def main() -> None:
    """Bring the host up, say so, and stay."""
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", LC_ALL="C")
    host = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    ready = int(sys.argv[2])
    os.set_inheritable(ready, False)
    for interface in host["without_checksum_offload"]:
        disable_checksum_offload(interface)
    services = [ssh_server(), *(service(**item) for item in host["services"])]
    running = {start(run, 0): run for run in services}
    wait_until_ready(host["interfaces"], host["ready_files"])
    os.write(ready, b"ready\n")
    os.close(ready)
    while True:
        pid, _status = os.wait()
        if pid in running:
            run = running.pop(pid)
            running[start(run, RESTART_AFTER)] = run


def start(run: t.Callable[[], None], delay: float) -> int:
    """Run a service in a process of its own, after a pause where it has just died; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        time.sleep(delay)
        run()
    except OSError as error:
        sys.stderr.write(f"service failed, starts again in {RESTART_AFTER:.0f} s: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(1)


def service(kind: str, port: int, body: str, command: list[str]) -> t.Callable[[], None]:
    """The function that runs a service. Its socket is bound here, once, so that it answers from the first moment."""
    if kind == "http":
        listener = dual_stack(socket.SOCK_STREAM, port)
        listener.listen(128)
        return lambda: serve_http(listener, body.encode())
    if kind == "udp_echo":
        endpoint = dual_stack(socket.SOCK_DGRAM, port)
        return lambda: echo(endpoint)
    return lambda: os.execvp(command[0], command)


def ssh_server() -> t.Callable[[], None]:
    """sshd in the foreground; it wants to be called by its full path."""
    path = shutil.which("sshd") or "/usr/sbin/sshd"
    return lambda: os.execv(path, [path, "-D", "-e", "-f", "/etc/ssh/sshd_config"])


def dual_stack(kind: int, port: int) -> socket.socket:
    """A socket for both families, or for IPv4 where the kernel has no IPv6."""
    if not os.path.exists("/proc/net/if_inet6"):
        return bound(socket.socket(socket.AF_INET, kind), ("0.0.0.0", port))
    endpoint = socket.socket(socket.AF_INET6, kind)
    endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return bound(endpoint, ("::", port))


def bound(endpoint: socket.socket, address: tuple[str, int]) -> socket.socket:
    """The socket, bound."""
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    endpoint.bind(address)
    return endpoint


def serve_http(listener: socket.socket, body: bytes) -> None:
    """Answer every GET and HEAD with the same body."""
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 300  # a client may wait for a change, on a busy machine

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: t.Any) -> None:
            """Requests are not logged: a lab runs for hours and its log is kept in one file."""

    server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


def echo(endpoint: socket.socket) -> None:
    """Send every datagram back, from the address it was sent to.

    An unconnected UDP socket would answer from the address that routing prefers, which on a host
    with several is another one: a fault of the program that would hide the fault of the network.
    """
    level, option = (socket.IPPROTO_IPV6, 49)  # IPV6_RECVPKTINFO, linux/in6.h
    if endpoint.family == socket.AF_INET:
        level, option = (socket.IPPROTO_IP, 8)  # IP_PKTINFO, linux/in.h
    endpoint.setsockopt(level, option, 1)
    while True:
        data, ancillary, _flags, sender = endpoint.recvmsg(65535, 256)
        with contextlib.suppress(OSError):  # no route back, or a filter: the datagram is lost, as on any network
            endpoint.sendmsg([data], [reply_from(item) for item in ancillary], 0, sender)


def reply_from(item: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """The control message that sends from the address a datagram came to, by whatever interface routing chooses."""
    level, kind, data = item
    if level == socket.IPPROTO_IP:  # struct in_pktinfo: index, local address, destination
        return level, kind, struct.pack("=i", 0) + data[8:12] + bytes(4)
    link_local = data[:2] == b"\xfe\x80"
    return level, kind, data[:16] + (data[16:20] if link_local else bytes(4))  # struct in6_pktinfo


def wait_until_ready(interfaces: list[str], files: list[str]) -> None:
    """Wait for carrier on every interface, for sshd to listen, and for the files of services; raises TimeoutError."""
    deadline = time.monotonic() + READY_WITHIN
    while True:
        waiting = [name for name in interfaces if read(f"/sys/class/net/{name}/operstate") != "up"]
        absent = [file for file in files if not os.path.exists(file)]
        if not waiting and not absent and ssh_listens():
            return
        if time.monotonic() > deadline:
            missing = f"no carrier on {', '.join(waiting)}" if waiting else ", ".join(absent) or "sshd does not listen"
            raise TimeoutError(f"not ready after {READY_WITHIN:.0f} s: {missing}")
        time.sleep(0.02)


def ssh_listens() -> bool:
    """Whether something listens on TCP port 22 of this namespace."""
    lines = read("/proc/net/tcp").splitlines()[1:]
    return any(fields[1].endswith(":0016") and fields[3] == _LISTEN for fields in (line.split() for line in lines))


def read(path: str) -> str:
    """The text of a small file, without white space around it."""
    return pathlib.Path(path).read_text(encoding="ascii").strip()


def disable_checksum_offload(interface: str) -> None:
    """Make the kernel write checksums before packets leave.

    A veth hands on packets with their checksum unfinished, which programs that forward or judge raw
    packets in user space take for damage.
    """
    import array
    import fcntl

    value = array.array("I", [_ETHTOOL_STXCSUM, 0])  # struct ethtool_value
    request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        fcntl.ioctl(endpoint.fileno(), _SIOCETHTOOL, request)


if __name__ == "__main__":
    main()
