"""The two filters in a pipe on a million documents: memory follows the domains and what differs in them, not the number of
documents, and every session comes out."""
import json
import os
import subprocess
import tempfile
import time

from documents import Generator, Ledger
from harness import BIN, Failed, main, say, yesterday

SAMPLE = 20_000
KEYS = ["-o", "report.organization_name=Example", "-o", "report.contact_info=tlsrpt@sender.example"]


class Peak:
    """The most memory that a process was seen to have had (VmHWM, which begins anew with the program)."""

    def __init__(self, process):
        self.process, self.kib = process, 0

    def look(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                self.kib = max([self.kib, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        except OSError:
            pass  # it has ended

    def wait(self):
        while self.process.poll() is None:
            self.look()
            time.sleep(0.01)
        if self.process.returncode:
            raise Failed(f"{self.process.args[0]} ended with {self.process.returncode}")


def run(sample, times):
    """(peak of events, peak of render, sessions in the reports) for the sample so many times over."""
    with tempfile.TemporaryFile() as reports, open(os.devnull, "w") as quiet:
        events = subprocess.Popen([BIN / "tlsrpt-producer", "events"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet)
        render = subprocess.Popen([BIN / "tlsrpt-aggregator", "render", *KEYS], stdin=events.stdout, stdout=reports, stderr=quiet)
        events.stdout.close()
        peaks = [Peak(events), Peak(render)]
        for _ in range(times):
            events.stdin.write(sample)
            for peak in peaks:
                peak.look()
        events.stdin.close()
        for peak in peaks:
            peak.wait()
        reports.seek(0)
        return peaks[0].kib, peaks[1].kib, sum(sessions(json.loads(line)) for line in reports)


def sessions(report):
    return sum(sum(entry["summary"].values()) for entry in report["policies"])


def test_memory_does_not_follow_documents():
    ledger = Ledger()
    generator = Generator(8460, [f"d{n}.example" for n in range(40)], yesterday())
    sample = "".join(json.dumps(generator.one(ledger)) + "\n" for _ in range(SAMPLE)).encode()
    few = run(sample, 5)
    many = run(sample, 50)
    for documents, (events, render, counted) in ((5 * SAMPLE, few), (50 * SAMPLE, many)):
        say(f"{documents} documents: events {events} KiB, render {render} KiB at most, {counted} sessions in the reports")
        if counted != documents:
            raise Failed(f"{documents} sessions went in, {counted} came out")
    for name, before, after in (("events", few[0], many[0]), ("render", few[1], many[1])):
        if after > before * 1.1 + 1024:
            raise Failed(f"{name} grew from {before} to {after} KiB with ten times the documents")


if __name__ == "__main__":
    main(test_memory_does_not_follow_documents)
