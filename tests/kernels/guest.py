# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one of our programs on another kernel, in an emulated machine, and take its result back.

The program is a module of this collection that reads a job (JSON) as its first argument and prints its result (JSON)
as the last line. Its code and the job are appended to the image's files; the result comes over the second serial line.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.tests.kernels import init
from ansible_collections.netpath.symmetry.tests.kernels.archive import Archive
from ansible_collections.netpath.symmetry.tests.kernels.image import EMULATOR, PYTHON, ROOT, Image

_CODE = ("plugins/module_utils", "plugins/plugin_utils", "tests/oracle", "tests/kernels")
_PACKAGE = "code/ansible_collections/netpath/symmetry"
_MACHINE = ("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024", "-display", "none", "-no-reboot",
            "-nic", "none", "-monitor", "none")  # fmt: skip
# nothing is attacked here, and emulated hardware needs no probing: a quicker start
_KERNEL_OPTIONS = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 random.trust_cpu=on rdinit=/init"


class GuestError(Exception):
    """The emulated machine gave no result; the text has the end of what it printed."""


def run(image: Image, module: str, job: t.Any, timeout: float) -> t.Any:
    """Run a module there and return its result; raises GuestError, also where it takes longer than ``timeout``."""
    with tempfile.TemporaryDirectory(prefix="netpath-kernels-") as folder:
        work = pathlib.Path(folder)
        _write_files(image, module, job, work / "files.cpio")
        command = [EMULATOR, *_MACHINE, "-kernel", str(image.kernel), "-initrd", str(work / "files.cpio")]
        command += ["-append", _KERNEL_OPTIONS]
        command += ["-serial", f"file:{work / 'console'}", "-serial", f"file:{work / 'result'}"]
        try:
            subprocess.run(
                command, timeout=timeout, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
            why = "it ended without a result"
        except subprocess.TimeoutExpired:
            why = f"it was not done after {timeout:.0f} s"
        except subprocess.CalledProcessError as error:
            why = f"{EMULATOR}: {error.stderr.strip()}"
        return _result(work, why)


def _write_files(image: Image, module: str, job: t.Any, path: pathlib.Path) -> None:
    with open(path, "wb") as file:
        file.write(image.files.read_bytes())
        with Archive(file) as archive:
            for folder in _CODE:
                for source in sorted((ROOT / folder).glob("**/*.py*")):
                    if "test_" not in source.name:
                        archive.copy(source, f"{_PACKAGE}/{source.relative_to(ROOT)}")
            archive.text("init", f"#!/{PYTHON}\n{pathlib.Path(init.__file__).read_text()}", 0o755)
            archive.text("job.json", json.dumps({"module": module, "python": f"/{PYTHON}", "job": job}))


def _result(work: pathlib.Path, why: str) -> t.Any:
    """What stands between the marks, which show that it is complete."""
    text = (work / "result").read_text(errors="replace") if (work / "result").exists() else ""
    begin, end = text.rfind(init.BEGIN), text.rfind(init.END)
    if 0 <= begin < end:
        return json.loads(text[begin + len(init.BEGIN) : end])
    console = (work / "console").read_text(errors="replace") if (work / "console").exists() else ""
    raise GuestError("\n".join([f"no result from the emulated machine: {why}", *console.splitlines()[-40:]]))
