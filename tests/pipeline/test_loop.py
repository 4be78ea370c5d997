"""The loop and the table alone, under random kill -9 and SIGSTOP: two small jobs (copy.c) without any rule of mail.

Records go in and come out by Kafka's own console tools. Each negative control breaks one promise on purpose, and the
account must see it."""
import collections
import concurrent.futures
import os
import random
import signal
import subprocess
import time

from harness import BIN, Failed, Run, main, say, seed

COPY = BIN / "obj" / "release" / "tests" / "pipeline" / "copy"
RECORDS = 12000
PARTS = 10  # each takes Kafka's console tool a second or two to write
KEYS = 60


def feed(run, topic, lines):
    run.kafka("kafka.tools.ConsoleProducer", "--topic", f"tlsrpt.{topic}", "--property", "parse.key=true",
              "--property", "key.separator= ", "--producer-property", "acks=all", input="".join(lines))


def read(run, topic):
    """(headers, key, value) of every committed record."""
    output = run.kafka("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", f"tlsrpt.{topic}", "--from-beginning",
                       "--timeout-ms", "6000", "--consumer-property", "isolation.level=read_committed",
                       "--property", "print.key=true", "--property", "print.headers=true")
    for line in output.splitlines():
        headers, key, value = line.split("\t")
        yield headers, key, value


class Workers:
    """Three processes of copy.c, killed, stopped and started at random."""

    def __init__(self, run, job, pick, broken=None):
        self.run, self.job, self.pick, self.broken = run, job, pick, broken
        self.processes = {}
        self.kills = 0

    def start(self, name):
        log = open(self.run.directory / "log" / f"copy-{name}.log", "a")
        environment = {**os.environ, "COPY_BREAK": self.broken or ""}
        self.processes[name] = subprocess.Popen(
            [COPY, "-c", self.run.directory / "tlsrpt.conf", "-o", f"instance=copy-{name}", "-o", f"jobs={self.job}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def __enter__(self):
        for name in range(3):
            self.start(name)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def harm(self):
        name = self.pick.randrange(3)
        process = self.processes[name]
        if process.poll() is not None and not self.broken:
            raise Failed(f"copy-{name} ended by itself with {process.returncode}: see its log")
        if self.pick.random() < 0.25:  # longer than the session timeout: a zombie comes back
            process.send_signal(signal.SIGSTOP)
            time.sleep(self.pick.uniform(7, 9))
            process.send_signal(signal.SIGCONT)
            return "SIGSTOP"
        process.kill()
        process.wait()
        self.kills += 1
        self.start(name)
        return "SIGKILL"


def harm_while(workers, topic, parts, unfinished):
    """One harm while each part is written, so that there is work at every one; then peace until nothing is left to do."""
    start = time.monotonic()
    for part in parts:
        with concurrent.futures.ThreadPoolExecutor(1) as feeder:
            fed = feeder.submit(feed, workers.run, topic, part)
            time.sleep(workers.pick.uniform(0.2, 2))
            say(f"{workers.harm()} {time.monotonic() - start:.1f} s after the start")
            fed.result()
    for name, process in workers.processes.items():  # a zombie that was fenced may have ended: its owner restarts it
        if process.poll() is not None:
            workers.start(name)
    workers.run.wait("the group finishes", 240, lambda: unfinished() == 0)


def copy_problems(run, value, broken=None):
    pick = random.Random(value)
    parts = [[f"k{n % 997} {part}-{n}\n" for n in range(RECORDS // PARTS)] for part in range(PARTS)]
    with Workers(run, "copy", pick, broken) as workers:
        harm_while(workers, "reports", parts, lambda: run.lag()["route"])
        kills = workers.kills
    came = collections.Counter((value, headers) for headers, _, value in read(run, "deliveries.https"))
    want = {(f"{part}-{n}", f"copy:{name}") for part in range(PARTS) for n in range(RECORDS // PARTS) for name in "ab"}
    lost = len(want - set(came))
    doubled = sum(n - 1 for n in came.values())
    say(f"copy: {RECORDS} records, {kills} kills, {lost} lost, {doubled} doubled")
    return lost + doubled


def count_problems(run, value, broken=None):
    pick = random.Random(value)
    parts = [[f"k{n % KEYS} {n}\n" for n in range(RECORDS // PARTS)] for _ in range(PARTS)]
    with Workers(run, "count", pick, broken) as workers:
        harm_while(workers, "events", parts, lambda: run.lag()["aggregate"])
        kills = workers.kills
    last = {key: int(value) for _, key, value in read(run, "state")}
    want = collections.Counter(f"k{n % KEYS}" for _ in range(PARTS) for n in range(RECORDS // PARTS))
    wrong = sum(abs(want[key] - last.get(key, 0)) for key in want)
    say(f"count: {RECORDS} records, {kills} kills, sums off by {wrong}")
    return wrong


def test_copy_is_exactly_once():
    with Run("test-loop") as run:
        if copy_problems(run, seed()):
            raise Failed("records lost or doubled")


def test_copy_control_fails():
    with Run("test-loop") as run:
        if not copy_problems(run, seed(), broken="early"):
            raise Failed("outputs went out before their record was finished, and the account saw nothing")


def test_table_is_exactly_once():
    with Run("test-loop") as run:
        if count_problems(run, seed()):
            raise Failed("counts differ")


def test_table_control_fails():
    with Run("test-loop") as run:
        if not count_problems(run, seed(), broken="table"):
            raise Failed("the table was not restored, and the account saw nothing")


if __name__ == "__main__":
    main(test_copy_is_exactly_once, test_copy_control_fails, test_table_is_exactly_once, test_table_control_fails)
