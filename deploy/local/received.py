"""received: what both receivers do: keep everything they get, and refuse what they are told to.

Below the directory `received` of a run:

    KIND/000001.SUFFIX   the bytes of the first body or message, as they came
    KIND/index.jsonl     one JSON object a line for everything that came, in order
    KIND-STATUS/NAME     while this file exists, NAME (a host, an address) is answered STATUS;
                         a number in the file counts down, and the file goes with the last
    KIND-wait/NAME       seconds to wait before NAME is answered, everything being kept already
"""
import json
import os
import pathlib
import threading
import time


class Store:
    """Keeps bodies and their facts. What keep() returned from survives any killed process."""

    def __init__(self, received, kind, suffix):
        self.directory = pathlib.Path(received, kind)
        self.suffix = suffix
        self.lock = threading.Lock()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.number = max((int(f.stem) for f in self.directory.glob(f"*.{suffix}")), default=0)
        index = self.directory / "index.jsonl"
        self.index = os.open(index, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def keep(self, body, **facts):
        """Writes the body, unless it is None, then the line that names it. The order matters:
        a body without a line was never answered."""
        with self.lock:
            name = None
            if body is not None:
                self.number += 1
                name = f"{self.number:06}.{self.suffix}"
                self._write(name, body)
            line = json.dumps({"time": round(time.time(), 3), **facts, "file": name})
            os.write(self.index, line.encode() + b"\n")
            os.fsync(self.index)

    def _write(self, name, body):
        with open(self.directory / name, "xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())


class Switches:
    """The files by which a test or a person tells a receiver to refuse or to be slow."""

    def __init__(self, received, kind):
        self.received = pathlib.Path(received)
        self.kind = kind
        self.lock = threading.Lock()

    def status(self, name):
        """The status with which NAME is to be refused now, or None."""
        if not _is_file_name(name):
            return None
        with self.lock:
            for directory in sorted(self.received.glob(f"{self.kind}-[0-9][0-9][0-9]")):
                if self._take(directory / name):
                    return int(directory.name[-3:])
        return None

    def wait_s(self, name):
        """How many seconds the answer to NAME is to be held back."""
        if not _is_file_name(name):
            return 0.0
        try:
            return float((self.received / f"{self.kind}-wait" / name).read_text() or 0)
        except (OSError, ValueError):
            return 0.0

    @staticmethod
    def _take(switch):
        try:
            left = switch.read_text().strip()
        except OSError:
            return False
        if left.isdigit() and int(left) > 1:
            switch.write_text(f"{int(left) - 1}\n")
        elif left.isdigit():
            switch.unlink(missing_ok=True)
            return int(left) > 0
        return True


def _is_file_name(name):
    return bool(name) and "/" not in name and name not in (".", "..") and "\0" not in name
