"""harness: a run of the real servers and of our workers, for tests: start, load, kill, wait, account.

Waits are on conditions and bounded; nothing sleeps for luck. Kill moments are random and printed.
"""
import datetime
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import urllib.request

from account import Account
import documents

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCAL = ROOT / "deploy" / "local"
BIN = pathlib.Path(os.environ.get("TLSRPT_BIN", ROOT / "build"))
PROGRAMS = ("producer", "aggregator", "sender")
GROUPS = ("plan", "scan", "aggregate", "route", "https", "smtp", "delay")


# nothing here is asked by way of a proxy
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))

# whoever ends a test from outside, too, ends its servers
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: sys.exit(128 + number))


class Failed(Exception):
    """The test found something: its text says what."""


def say(text):
    print(f"  {datetime.datetime.now().strftime('%H:%M:%S')} {text}", flush=True)


def local(script, *arguments, check=True):
    process = subprocess.Popen([LOCAL / script, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=300)
    except BaseException:
        process.terminate()  # a script that is killed leaves behind what it started
        process.communicate(timeout=120)
        raise
    result = subprocess.CompletedProcess(process.args, process.returncode, output)
    if check and result.returncode:
        raise Failed(f"deploy/local/{script} {' '.join(map(str, arguments))}: exit {result.returncode}\n{result.stdout}")
    return result


class Run:
    """with Run("name", conf={...}, dns=[...]) as run: ...  Servers are up, topics exist, no worker runs yet."""

    def __init__(self, name, conf=None, dns=None):
        self.name = name
        self.directory = ROOT / "build" / "run" / name
        self.received = self.directory / "received"
        self.conf = conf or {}
        self.dns = dns
        self.started = time.monotonic()

    def __enter__(self):
        local("down", "--run", self.name, check=False)
        extra = ROOT / "build" / f"{self.name}.conf"
        extra.parent.mkdir(parents=True, exist_ok=True)
        extra.write_text("".join(f"{key} = {value}\n" for key, value in self.conf.items()))
        arguments = ["--run", self.name, "--no-workers", "--conf", extra]
        if self.dns is not None:
            zone = ROOT / "build" / f"{self.name}.dns"
            zone.write_text("\n".join(self.dns) + "\n")
            arguments += ["--dns", zone]
        local("up", *arguments)
        self.ports = dict(line.split("=") for line in (self.directory / "ports").read_text().split())
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is not None:
                self.show_logs()
        finally:
            local("down", "--run", self.name, check=kind is None)

    def show_logs(self):
        servers = {"dns", "elastic", "https", "kafka", "recorder", "smtp", "topics"}
        for log in sorted((self.directory / "log").glob("*.log")):
            if log.stem in servers:
                continue
            lines = [l for l in log.read_text(errors="replace").splitlines() if " debug " not in l]
            print(f"--- {log.name}", *lines[-12:], sep="\n", flush=True)

    # ---- workers ----

    def worker(self, verb, program, index, wait=True):
        local("worker", verb, program, index, "--run", self.name, *([] if wait else ["--no-wait"]))

    def start(self, count=1, programs=PROGRAMS, wait=True):
        for program in programs:
            for index in range(1, count + 1):
                self.worker("start", program, index, wait)

    def revive(self, count=1):
        """Starts what has ended: a zombie that was fenced ends with 1, and whoever started it starts it again. Whatever
        did not say so at its end has crashed."""
        for program in PROGRAMS:
            for index in range(1, count + 1):
                log = self.directory / "log" / f"{program}-{index}.log"
                before = len(log.read_text().splitlines())
                if local("worker", "start", program, index, "--run", self.name, "--no-wait", check=False).returncode == 0:
                    lines = log.read_text().splitlines()
                    begun = [at for at, line in enumerate(lines) if at >= before and " info started " in line]
                    last = lines[begun[-1] - 1 if begun else -1]
                    if not last.endswith("stopped exit=1"):
                        raise Failed(f"{program}-{index} ended by itself, and last said: {last}")

    def stop(self, count=1, programs=PROGRAMS):
        for program in programs:
            for index in range(1, count + 1):
                self.worker("stop", program, index)

    def configure(self, key, value):
        """Replaces a line of the configuration, for workers that start from now on."""
        conf = self.directory / "tlsrpt.conf"
        lines = [line for line in conf.read_text().splitlines() if line.split("=")[0].strip() != key]
        conf.write_text("\n".join([*lines, f"{key} = {value}", ""]))

    def command(self, program, *arguments):
        """The output of a verb on the running system."""
        command = [BIN / f"tlsrpt-{program}", "-c", self.directory / "tlsrpt.conf", *map(str, arguments)]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if result.returncode:
            raise Failed(f"{command}: exit {result.returncode}: {result.stderr}")
        return result.stdout

    def verb(self, program, *arguments):
        """Its output lines as JSON."""
        return [json.loads(line) for line in self.command(program, *arguments).splitlines()]

    def kafka(self, tool, *arguments, **options):
        """The output of one of Kafka's own tools."""
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run(self.kafka_command(tool, *arguments), capture_output=True, text=True, timeout=180, check=True,
                              **options).stdout

    def records(self, topic):
        """(partition, offset, headers, key, value) of all that is committed, each partition in its order. There is something in
        each topic that is asked for: nothing would mean that it was not read."""
        output = self.kafka("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", f"tlsrpt.{topic}", "--from-beginning",
                            "--isolation-level", "read_committed", "--timeout-ms", 8000,
                            *(word for name in ("partition", "offset", "headers", "key") for word in ("--property", f"print.{name}=true")))
        if not output:
            raise Failed(f"nothing stands in {topic}")
        for line in output.splitlines():
            partition, offset, headers, key, value = line.split("\t", 4)
            yield int(partition.split(":")[1]), int(offset.split(":")[1]), headers, key, value

    def kafka_command(self, tool, *arguments):
        return [LOCAL / "kafka", "--run", self.name, tool, *map(str, arguments)]

    def feed_reports(self, domains):
        """One report for each domain, as the aggregator would write it; gives their ids."""
        ids = [f"{yesterday()}.{domain}.0-1.0123abcd" for domain in domains]
        lines = [f"report-id:{report_id},day:{yesterday()},sessions:1\t{domain}\t" + json.dumps({"report-id": report_id})
                 for domain, report_id in zip(domains, ids)]
        self.kafka("kafka.tools.ConsoleProducer", "--topic", "tlsrpt.reports", "--property", "parse.headers=true",
                   "--property", "parse.key=true", input="\n".join(lines) + "\n")
        return ids

    # ---- Elasticsearch ----

    def elastic(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['ELASTIC_PORT']}{path}", method=method, data=body,
                                         headers={"Content-Type": "application/x-ndjson" if "_bulk" in path else "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def index(self, name="tlsrpt", shards=2, alias=None):
        body = {"settings": {"number_of_shards": shards, "number_of_replicas": 0},
                "mappings": {"dynamic": False, "properties": {}}}
        if alias:
            body["aliases"] = {alias: {}}
        self.elastic("PUT", f"/{name}", json.dumps(body).encode())

    def load(self, batch, index="tlsrpt"):
        answer = self.elastic("POST", "/_bulk", documents.bulk(batch, index))
        if answer["errors"]:
            raise Failed(f"bulk: {json.dumps(answer)[:500]}")

    # ---- waiting ----

    def account(self):
        return Account(self.received, self.ports["HTTPS_PORT"])

    def wait(self, what, seconds, check):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if check():
                return
            time.sleep(0.3)
        raise Failed(f"{what}: not within {seconds} s")

    def received_sessions(self, target):
        return self.account().counts(target).sessions()

    def lag(self):
        """The unfinished records of every group as Kafka's own tool tells them; None for a group that it does not know. A
        partition of which it knows no offset counts as 1."""
        sums = dict.fromkeys(GROUPS, None)
        for job, _, _, lag in self.groups():
            sums[job] = (sums.get(job) or 0) + (int(lag) if lag.isdigit() else 1)
        return sums

    def groups(self):
        """(job, partition, committed offset, lag) as Kafka's own tool writes them."""
        output = self.kafka("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--all-groups")
        for line in output.splitlines():
            words = line.split()
            if len(words) > 5 and words[0].startswith("tlsrpt."):
                yield words[0].split(".")[-1], int(words[2]), words[3], words[5]

    def unread_tasks(self):
        """Tasks that were planned and not scanned; fences are none. Nobody may write any more."""
        committed = {partition: int(offset) for job, partition, offset, _ in self.groups() if job == "scan"}
        return [value for partition, offset, _, _, value in self.records("scan")
                if "fence" not in json.loads(value) and offset >= committed[partition]]

    def open_tallies(self):
        """What sessions wait in for a report: the last word of `state` on each of its keys."""
        last = {(partition, key): value for partition, _, _, key, value in self.records("state") if key != "watermarks"}
        return [key for (_, key), value in last.items() if value != "null"]

    def wait_idle(self, seconds=60):
        """Nothing is under way any more, so that what could still be doubled has arrived. Stops the producers: their fences
        pulse the lag of scan and events as long as they plan."""
        self.stop_program("producer")
        self.wait("lag reaches 0", seconds, lambda: all(value == 0 for job, value in self.lag().items() if job not in ("plan", "scan")))

    def stop_program(self, program):
        for log in (self.directory / "log").glob(f"{program}-*.log"):
            self.worker("stop", program, log.stem.split("-")[1])


def yesterday():
    return datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)


def grace_until(seconds_from_now):
    """A report.grace by which yesterday's reports are due so many seconds from now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now.hour * 3600 + now.minute * 60 + now.second + seconds_from_now}s"


def seed():
    value = int(os.environ.get("TLSRPT_SEED", random.SystemRandom().randrange(1 << 31)))
    say(f"TLSRPT_SEED={value}")
    return value


def main(*tests, by_name=()):
    """Runs tests (functions), or those named on the command line, also of by_name; prints a line for each; the exit code says whether all held. The last line is the count."""
    wanted = sys.argv[1:]
    failed = 0
    chosen = [test for test in [*tests, *by_name] if test.__name__ in wanted] if wanted else tests
    if len(chosen) < len(wanted):
        sys.exit(f"no such test among {wanted}")  # exit 1, and no count
    for test in chosen:
        started = time.monotonic()
        try:
            test()
            print(f"ok   {test.__name__} ({time.monotonic() - started:.0f} s)", flush=True)
        except (Failed, AssertionError, OSError, subprocess.SubprocessError, KeyError, ValueError) as error:
            failed += 1
            print(f"FAIL {test.__name__}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
