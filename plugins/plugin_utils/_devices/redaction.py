# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Secrets out of what devices say, before it goes into any log or result."""

from __future__ import annotations

import re
import typing as t

HIDDEN = "<hidden>"
# The word that follows one of these is a secret, or a hash that can be tried offline. Configuration languages of all
# platforms here put it last or second to last, with an optional type number before it.
_WORDS = (
    "password", "passwd", "secret", "pre-shared-key", "preshared-key", "psk", "psksecret", "psk-secret", "key-string",
    "authentication-key", "auth-key", "phash", "encrypted-password", "passphrase", "community", "tacacs-server key",
    "radius-server key", "server-key", "md5", "sha", "key-chain", "wpa-key", "private-key", "shared-secret",
    "failover key",
)
_AFTER = re.compile(
    rf"(?i)(?P<word>(?<![\w-])(?:{'|'.join(map(re.escape, _WORDS))}))(?P<space>[ \t:=]+)"
    r"(?P<type>(?:ENC|encrypted|[0-9])[ \t]+)?(?P<value>\"[^\"\n]*\"|[^\s;\"]+)"
)
_BLOCK = re.compile(r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)-----.*?-----END [A-Z ]*-----", re.S)


def redacted(text: str, secrets: t.Iterable[str] = ()) -> str:
    """The text without these secrets, and without what follows the words that announce one."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _BLOCK.sub(HIDDEN, text)
    return _AFTER.sub(lambda match: f"{match['word']}{match['space']}{match['type'] or ''}{HIDDEN}", text)
