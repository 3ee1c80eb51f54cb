# SPDX-License-Identifier: MIT
"""TOML that packs read and wrote, and how this driver fails."""

import json
import re
import sys
import tomllib


def fail(text, status=21):
    print(f" !     {text}", file=sys.stderr)
    sys.exit(status)


def step(text):
    print(f"-----> {text}", flush=True)


def detail(text):
    print(f"       {text}", flush=True)


def read(path):
    """The table of the file PATH; none when it is not there."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        fail(f"{path.name}: {e}")


def table(about, key):
    """The table KEY of a table, which may be missing."""
    value = about.get(key, {})
    if not isinstance(value, dict):
        fail(f"'{key}' must be a table")
    return value


def rows(about, key):
    """The array of tables KEY of a table, which may be missing."""
    value = about.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        fail(f"'{key}' must be an array of tables")
    return value


def texts(about, key):
    """The list of texts KEY of a table, which may be missing."""
    value = about.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        fail(f"'{key}' must be a list of texts")
    return value


def is_for_production(row):
    """Of `exec-env`, what Berth builds is production, and what says nothing is for all."""
    wanted = texts(row, "exec-env")
    return not wanted or "all" in wanted or "production" in wanted


def write_key(key):
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else write_value(key)


def write_table(content):
    """One line for each key: packs in bash read them with grep and sed."""
    return "".join(f"{write_key(k)} = {write_value(v)}\n" for k, v in content.items())


def write_value(value):
    """TOML of what came out of TOML; a JSON string is a basic string of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(map(write_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{write_key(k)} = {write_value(v)}" for k, v in value.items()) + " }"
    return str(value)
