#!/usr/bin/env bash
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Prepare a Debian or Ubuntu machine for the lab and the tests: Debian packages, a virtual environment with
# pinned Python packages, the link by which Ansible finds this checkout, and a look at the kernel.
# Runs any number of times; what is in place is left alone.

set -euo pipefail
cd "$(dirname "$0")/.."
readonly LOG=build/setup.log
# The environment that is being set up must not be taken for this machine's Python.
PATH=:$PATH:
PATH=${PATH//":$PWD/.venv/bin:"/:}
PATH=${PATH#:}
export PATH=${PATH%:}
mkdir -p build
: >"$LOG"

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

# Run a command with its output in the log; on failure show the end of it.
quietly() {
    printf '+ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null && return
    tail -n 15 "$LOG" | sed 's/^/    /' >&2
    return 1
}

# Run a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

check_root() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null ||
        fail "root is needed: the lab makes network namespaces, and sudo is not installed" \
            "run the same command as root, or install sudo"
    sudo -n true 2>/dev/null && return
    [ -t 0 ] || fail "root is needed and sudo asks for a password, but there is no terminal to ask at" \
        "run the same command as root, or allow sudo without a password"
    say "sudo may ask for your password: the lab makes network namespaces"
    sudo true || fail "sudo was refused" "run the same command as root"
}

# --- Debian packages -------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
    local package missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing Debian packages: ${missing[*]}"
    hold_back "${missing[@]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}")
    # Package lists are fetched only when apt cannot do without: they are slow, and often fresh already.
    as_root "${apt[@]}" >>"$LOG" 2>&1 </dev/null || {
        quietly as_root apt-get -q update || say "apt-get update failed; trying with the lists there are"
        quietly as_root "${apt[@]}" || fail "apt-get could not install: ${missing[*]}" \
            "see the lines above and $LOG; check the machine's apt sources and its network"
    }
    release
}

# The lab needs programs, not services of this machine: where such a package is new and systemd would start it, its units
# are masked while it is installed and left disabled.
held_back=()
hold_back() { # PACKAGE...
    [ -d /run/systemd/system ] || return 0
    local package
    for package in "$@"; do
        case $package in
            openssh-server) held_back+=(ssh.service ssh.socket) ;;
            conntrackd | frr | keepalived) held_back+=("$package.service") ;;
        esac
    done
    [ ${#held_back[@]} = 0 ] || quietly as_root systemctl mask --runtime "${held_back[@]}"
}

release() {
    [ ${#held_back[@]} = 0 ] && return 0
    quietly as_root systemctl unmask --runtime "${held_back[@]}" || true
    quietly as_root systemctl disable "${held_back[@]}" || true
    say "new here, and left disabled as services of this machine: ${held_back[*]}"
    held_back=()
}

debian_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        fail "this is not Debian or Ubuntu (no dpkg-query or apt-get)" \
            "set-up knows these two: use Debian 12 or later, Ubuntu 22.04 or later, or a privileged container of one"
    fi
    local packages
    mapfile -t packages < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/[[:space:]]*$//' tools/debian-packages.txt)
    install_packages "${packages[@]}"
}

# --- Python ----------------------------------------------------------------------------------------------------

readonly SUITABLE='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

# Print the first interpreter that ansible-core 2.19 runs on.
find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" -c "$SUITABLE" 2>/dev/null; then
            # The real program: a version manager's stand-in depends on the directory it is called from, and the
            # environment that is active here (make puts .venv first) must not be taken for what it is made from.
            "$name" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))'
            return
        fi
    done
    return 1
}

no_python() {
    local seen
    seen=$(python3 --version 2>/dev/null || echo "no python3")
    fail "Python 3.11, 3.12 or 3.13 is needed (ansible-core 2.19), this machine has ${seen}" \
        "Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv" \
        "Ubuntu 22.04: apt-get install python3.11 python3.11-venv" \
        "or name one: make setup PYTHON=/path/to/python3.12"
}

choose_python() {
    if [ -n "${PYTHON:-}" ] && ! { command -v "$PYTHON" >/dev/null && "$PYTHON" -c "$SUITABLE"; }; then
        fail "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13" "leave it out, or name another"
    fi
    python=$(find_python) && return
    command -v python3 >/dev/null && no_python
    install_packages python3
    python=$(find_python) || no_python
}

# What the environment is made of: other pins need another look by pip, another Python a new environment.
fingerprint() {
    printf '%s\n' "$python" "$PWD" # programs in an environment carry its path
    "$python" -c 'import sys; print(sys.version.split()[0])'
    sha256sum requirements.txt
}

virtual_environment() {
    local wanted
    wanted=$(fingerprint)
    if [ -f .venv/fingerprint ] && [ "$(cat .venv/fingerprint)" = "$wanted" ]; then return; fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    # An environment of the same Python, at the same place, is brought up to date where it is: it may be in use.
    if [ "$(head -n 3 .venv/fingerprint 2>/dev/null)" != "$(head -n 3 <<<"$wanted")" ]; then
        say "making the virtual environment .venv with $("$python" --version), about a minute"
        rm -rf .venv
        quietly "$python" -m venv .venv || fail "the virtual environment could not be made" "see the lines above and $LOG"
        head -n 3 <<<"$wanted" >.venv/fingerprint
    fi
    quietly .venv/bin/python -m pip install --disable-pip-version-check --no-input -r requirements.txt ||
        fail "pip could not install requirements.txt" \
            "see the lines above and $LOG; packages come from the index that pip is configured for"
    printf '%s\n' "$wanted" >.venv/fingerprint # last, so that the next run completes one that was interrupted
}

# --- the collection --------------------------------------------------------------------------------------------

collection_link() {
    local link=build/collections/ansible_collections/netpath/symmetry
    [ "$(readlink -f "$link")" = "$(readlink -f .)" ] && return
    mkdir -p "${link%/*}"
    ln -sfn ../../../.. "$link"
}

check_root
debian_packages
choose_python
virtual_environment
collection_link
as_root bash tools/check_kernel.sh
as_root bash tools/clean_leftovers.sh
