# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another kernel needs to run our programs in an emulated machine: the kernel and its first file system.

The kernel and its modules come from a package that apt offers; all the rest (Python, ip, nft, ...) is copied from
this machine with the libraries it is linked to. No file of this machine is changed. What was made is kept in
build/kernels and made anew only when a package or a program has another version.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.tests.kernels.archive import Archive

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "kernels"
STOCK = ("linux-image-cloud-amd64", "linux-image-virtual")  # of Debian, of Ubuntu
PYTHON = "usr/bin/python-of-tests"  # where the image has its interpreter
EMULATOR = "qemu-system-x86_64"
_NEEDED = ("ip", "nft", "conntrack", "tc", "sh", "modprobe", "depmod")
_OPTIONAL = ("iptables-save", "ip6tables-save", "iptables", "ip6tables")  # where this machine has them
# data that these programs read: names of protocols, tables and the like; extensions of iptables
_DATA = ("/etc/protocols", "/etc/services", "/etc/iproute2/*", "/usr/share/iproute2/*", "/usr/lib/*/xtables/*.so")
_MODULES = ("kernel/net/", "kernel/drivers/net/", "kernel/lib/", "kernel/crypto/", "kernel/arch/")
_UNUSED_MODULES = frozenset(("wireless", "ethernet", "usb", "bluetooth", "kvm", "sunrpc", "ceph", "sctp", "tipc"))
_UNUSED_OF_PYTHON = frozenset(
    ("site-packages", "dist-packages", "test", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data")
)
_UNUSED_LIBRARIES = ("_tkinter.*", "_sqlite3.*", "_curses*", "_test*", "readline.*", "_dbm.*", "_gdbm.*")


class ImageError(Exception):
    """The image cannot be made here; the text says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Image:
    """Files to start an emulated machine with; ``release`` is what ``uname -r`` says there."""

    release: str
    kernel: pathlib.Path
    files: pathlib.Path


def stock_image() -> Image:
    """The image of this distribution's stock kernel; raises ImageError."""
    check_programs()
    wanted = packages()
    place = CACHE / fingerprint([*wanted, pathlib.Path(__file__).read_text()])
    if not (place / "release").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.iterdir():  # of other versions
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            made = _make(wanted, pathlib.Path(work))
            made.rename(place)
    return Image((place / "release").read_text().strip(), place / "kernel", place / "files.cpio")


def check_programs() -> None:
    missing = [name for name in (EMULATOR, *_NEEDED) if shutil.which(name) is None]
    if missing:
        raise ImageError(
            f"not installed: {', '.join(missing)}; run 'make setup' (tools/debian-packages.txt names them)"
        )


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def packages() -> list[str]:
    """The packages with the stock kernel and its modules, as ``name=version``."""
    if _output("dpkg", "--print-architecture").strip() != "amd64":
        raise ImageError("the emulated machine is an x86-64 one and runs programs of this machine, which is another")
    for _attempt in ("with the package lists there are", "with fresh ones"):
        for name in STOCK:
            found = _kernel_packages(name)
            if found:
                return found
        subprocess.run(["apt-get", "-q", "update"], check=False, capture_output=True)
    raise ImageError(f"apt offers none of {', '.join(STOCK)}; check the machine's apt sources")


def _kernel_packages(name: str) -> list[str]:
    """The real packages behind a name like linux-image-cloud-amd64."""
    found, todo = [], [name]
    while todo:
        name = todo.pop()
        shown = subprocess.run(
            ["apt-cache", "show", "--no-all-versions", name], capture_output=True, text=True, check=False
        )
        version = re.search(r"^Version: (\S+)", shown.stdout, re.M)
        depends = re.search(r"^Depends: (.*)", shown.stdout, re.M)
        if not version:
            return []
        if re.match(r"linux-(image|modules)-(unsigned-)?\d", name):
            found.append(f"{name}={version[1]}")
        behind = re.findall(r"\b(linux-(?:image|modules)-[^\s,|()]+)", depends[1]) if depends else []
        todo += [one for one in behind if one != name]
    return found


def _programs() -> list[pathlib.Path]:
    names = [*_NEEDED, *(name for name in _OPTIONAL if shutil.which(name))]
    return [pathlib.Path(str(shutil.which(name))) for name in names]


def _interpreter() -> pathlib.Path:
    """The Python of this process itself, not the link to it in a virtual environment."""
    return pathlib.Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def fingerprint(parts: t.Sequence[str]) -> str:
    """Of these texts and of the programs that go into an image: made anew when one of them is another."""
    parts = [*parts, sys.version]
    parts += [f"{path} {path.stat().st_size} {path.stat().st_mtime}" for path in (*_programs(), _interpreter())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _make(wanted: t.Sequence[str], work: pathlib.Path) -> pathlib.Path:
    """Make the image in ``work`` and return the directory that holds it."""
    made = work / "made"
    made.mkdir()
    kernel, modules = unpack(wanted, work)
    release = modules.name
    shutil.copyfile(kernel, made / "kernel")
    with open(made / "files.cpio", "wb") as file, Archive(file) as archive:
        for folder in ("proc", "sys", "dev", "tmp", "run", "etc", "root"):
            archive.folder(folder)
        for folder in ("bin", "sbin", "lib", "lib64"):  # as it is on this machine
            if pathlib.Path("/", folder).is_symlink():
                archive.link(folder, f"usr/{folder}")
        _add_modules(archive, modules)
        _add_programs(archive)
        _add_python(archive)
    (made / "release").write_text(f"{release}\n")
    return made


def unpack(wanted: t.Sequence[str], work: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Fetch the packages into ``work``; returns the kernel and the directory of its modules. Raises ImageError."""
    for package in wanted:
        done = subprocess.run(
            ["apt-get", "-q", "download", package], cwd=work, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ImageError(f"apt-get download {package}: {done.stderr.strip()}")
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, work / "unpacked"], check=True)
    (modules,) = (path for path in work.glob("unpacked/**/lib/modules/*") if path.is_dir())
    return next(work.glob("unpacked/boot/vmlinuz-*")), modules


def base_of(modules: pathlib.Path) -> pathlib.Path:
    """Where depmod and modprobe find lib/modules with these."""
    return next(above for above in modules.parents if (above / "lib" / "modules").is_dir() and above.name != "usr")


def _add_modules(archive: Archive, modules: pathlib.Path) -> None:
    """The modules of networking, with the index by which the kernel asks for them."""
    for path in modules.glob("kernel/**/*.ko*"):
        kept = str(path.relative_to(modules)).startswith(_MODULES) and not _UNUSED_MODULES.intersection(path.parts)
        if not kept:
            path.unlink()
    subprocess.run(["depmod", "-b", base_of(modules), modules.name], check=True)
    for path in modules.glob("**/*"):
        if path.is_file() and not path.is_symlink():
            archive.copy(path, f"usr/lib/modules/{modules.name}/{path.relative_to(modules)}")


def _add_programs(archive: Archive) -> None:
    for path in _programs():
        add_linked(archive, path)
    for pattern in _DATA:
        for path in pathlib.Path("/").glob(pattern.strip("/")):
            if path.is_file():
                add_linked(archive, path)


def _add_python(archive: Archive) -> None:
    """The interpreter and its standard library, byte code included."""
    interpreter = _interpreter()
    add_linked(archive, interpreter)
    archive.link(PYTHON, str(interpreter))
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    for path in library.glob("**/*"):
        unused = path.relative_to(library).parts[0] in _UNUSED_OF_PYTHON or any(map(path.match, _UNUSED_LIBRARIES))
        code = path.suffix in (".py", ".so") or path.name.endswith(f".{sys.implementation.cache_tag}.pyc")
        if path.is_file() and code and not unused:
            add_linked(archive, path)


def add_linked(archive: Archive, path: pathlib.Path) -> None:
    """A file at its place, and the libraries that it is linked to."""
    place = path.parent.resolve() / path.name
    archive.copy(path, str(place))
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return
    linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for library in map(pathlib.Path, re.findall(r"(/\S+) \(0x", linked)):
        archive.copy(library, str(library.parent.resolve() / library.name))
