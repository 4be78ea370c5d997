"""account: what arrived, held against the ledger. Reads the receivers' files, never the project's own counters."""
import base64
import collections
import email
import email.policy
import gzip
import json
import pathlib

from documents import DETAIL_MEMBERS


class Arrival:
    """One delivery that a receiver accepted: who it was for, and the very bytes."""

    def __init__(self, target, raw, payload):
        self.target = target
        self.raw = raw
        self.report = json.loads(gzip.decompress(payload))


def _lines(path):
    if not path.exists():
        return
    with open(path) as lines:
        for line in lines:
            if line.endswith("\n"):  # the last one may be half written
                yield json.loads(line)


def https_arrivals(received, port):
    folder = pathlib.Path(received, "https")
    for entry in _lines(folder / "index.jsonl"):
        if 200 <= entry["status"] < 300:
            raw = (folder / entry["file"]).read_bytes()
            assert entry["content_type"] == "application/tlsrpt+gzip", entry
            assert entry["method"] == "POST", entry
            yield Arrival(f"https://{entry['host']}:{port}{entry['uri']}", raw, raw)


def mail_payload(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report", message["Content-Type"]
    parts = list(message.iter_parts())
    assert len(parts) == 2 and parts[1].get_content_type() == "application/tlsrpt+gzip"
    return base64.b64decode(parts[1].get_payload())


def smtp_arrivals(received):
    folder = pathlib.Path(received, "smtp")
    for entry in _lines(folder / "index.jsonl"):
        if entry["status"] == 250:
            raw = (folder / entry["file"]).read_bytes()
            assert len(entry["rcpt_tos"]) == 1, entry
            yield Arrival(f"mailto:{entry['rcpt_tos'][0]}", raw, mail_payload(raw))


class Account:
    """The reports that each target accepted, once each; a repeated delivery must repeat the same bytes."""

    def __init__(self, received, https_port):
        self.problems = []
        self.repeated = 0
        self.reports = {}  # (target, report-id) -> report
        raws = {}
        for arrival in [*https_arrivals(received, https_port), *smtp_arrivals(received)]:
            key = (target_name(arrival.target), arrival.report["report-id"])
            if key not in raws:
                raws[key] = arrival.raw
                self.reports[key] = arrival.report
            elif body_of(raws[key]) == body_of(arrival.raw):
                self.repeated += 1
            else:
                self.problems.append(f"{key} came twice with different bytes")

    def targets(self):
        return sorted({target for target, _ in self.reports})

    def counts(self, target):
        """The sums of all reports of one target, in the ledger's form."""
        counts = Counts()
        for (name, _), report in self.reports.items():
            if name == target:
                counts.add(report)
        return counts

    def check_target(self, target, ledger, domain):
        """Every session of domain exactly once at target: in sum, by policy and by detail."""
        self.check_counts(target, self.counts(target), ledger, domain)

    def check_counts(self, where, got, ledger, domain):
        for what in ("successes", "failures", "details"):
            want = {k: n for k, n in getattr(ledger, what).items() if k[0] == domain}
            have = getattr(got, what)
            for key in sorted(set(want) | set(have), key=repr):
                if want.get(key, 0) != have.get(key, 0):
                    self.problems.append(f"{where}: {what} {key}: {want.get(key, 0)} went in, {have.get(key, 0)} came out")


class Counts:
    def __init__(self):
        self.successes = collections.Counter()
        self.failures = collections.Counter()
        self.details = collections.Counter()

    def add(self, report):
        day = report["date-range"]["start-datetime"][:10]
        assert report["date-range"] == {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}
        for entry in report["policies"]:
            policy = entry["policy"]
            key = (policy["policy-domain"], day, policy["policy-type"], tuple(policy.get("policy-string", ())),
                   tuple(policy.get("mx-host", ())))
            self._add_entry(key, entry)
        self.successes = +self.successes
        self.failures = +self.failures

    def _add_entry(self, key, entry):
        self.successes[key] += entry["summary"]["total-successful-session-count"]
        self.failures[key] += entry["summary"]["total-failure-session-count"]
        for detail in entry.get("failure-details", ()):
            members = tuple(detail.get(name) for name in DETAIL_MEMBERS)
            self.details[key + (detail["result-type"], members)] += detail["failed-session-count"]

    def sessions(self):
        return sum(self.successes.values()) + sum(self.failures.values())


def target_name(target):
    return target.lower() if target.startswith("mailto:") else target


def body_of(raw):
    """What must repeat: a relay may add trace headers in front, so mail counts from its own first header on."""
    start = raw.find(b"From: ")
    return raw[start:] if raw[:2] != b"\x1f\x8b" and start > 0 else raw
