# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of clock jumps: in an emulated machine, as the wall clock of this one is everybody's."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import clock_guest
from ansible_collections.netpath.symmetry.tests.faults.case import Case, Outcome
from ansible_collections.netpath.symmetry.tests.kernels import guest
from ansible_collections.netpath.symmetry.tests.kernels.archive import Archive
from ansible_collections.netpath.symmetry.tests.kernels.image import ROOT, Image, add_linked, stock_image

# What the guard's script calls beyond what the image has.
TOOLS = ("awk", "cat", "comm", "date", "flock", "grep", "head", "ls", "mv", "readlink", "rm", "sed", "setsid", "sleep",
         "sort", "sync", "timeout", "tr", "true", "uname")
SECONDS = 1800.0


def play(cases: t.Sequence[Case]) -> list[Outcome]:
    """The outcomes of these cases, of one emulated machine; raises GuestError or ImageError."""
    with tempfile.TemporaryDirectory(prefix="nps-faults-clock-") as folder:
        image = _with_tools(stock_image(), pathlib.Path(folder))
        job = {"cases": [dataclasses.asdict(case) for case in cases]}
        answers = guest.run(image, clock_guest.__name__, job, SECONDS)
    return [
        Outcome(case, answer["did"], answer["states"], answer["unreachable"], answer["wrong"], answer["seconds"])
        for case, answer in zip(cases, answers, strict=True)
    ]


def _with_tools(image: Image, folder: pathlib.Path) -> Image:
    files = folder / "files.cpio"
    shutil.copyfile(image.files, files)
    with files.open("ab") as file, Archive(file) as archive:
        archive.folder("var")
        for tool in TOOLS:
            path = shutil.which(tool)
            if path is None:
                raise guest.GuestError(f"{tool} is not installed here")
            add_linked(archive, pathlib.Path(path))
        source = pathlib.Path(clock_guest.__file__)
        archive.copy(source, f"code/ansible_collections/netpath/symmetry/{source.resolve().relative_to(ROOT)}")
    return dataclasses.replace(image, files=files)
