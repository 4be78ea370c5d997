"""The loop and the table alone, under random SIGKILL, SIGTERM and SIGSTOP: three small jobs (copy.c) without any rule of mail.

Records go in and come out by Kafka's own console tools. Each negative control breaks one promise on purpose, and the
account must see it."""
import collections
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

from harness import BIN, Failed, Run, main, say, seed

COPY = BIN / "obj" / "release" / "tests" / "pipeline" / "copy"
HARMS = 5 * [signal.SIGKILL] + 6 * [signal.SIGTERM] + 3 * [signal.SIGSTOP]
KEYS = 60  # in 24 partitions of events: each has several
PACE = 20  # records, every 50 ms


class Feeder(threading.Thread):
    """Writes records at a steady pace until it is told to stop: whatever moment is picked, there is work under way."""

    def __init__(self, run, topic):
        super().__init__()
        self.command = run.kafka_command("kafka.tools.ConsoleProducer", "--topic", f"tlsrpt.{topic}", "--timeout", "20",
                                         "--property", "parse.key=true", "--property", "key.separator= ",
                                         "--producer-property", "acks=all")
        self.count = 0
        self.status = None
        self.stop = threading.Event()

    def run(self):
        with subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as producer:
            while not self.stop.wait(0.05):
                for _ in range(PACE):
                    producer.stdin.write(f"k{self.count % KEYS} {self.count}\n")
                    self.count += 1
                producer.stdin.flush()
            producer.stdin.close()
            self.status = producer.wait(60)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()
        if self.status != 0:
            raise Failed(f"the console producer ended with {self.status}")


def written(run, topic):
    offsets = run.kafka("org.apache.kafka.tools.GetOffsetShell", "--topic", f"tlsrpt.{topic}")
    return sum(int(line.split(":")[2]) for line in offsets.splitlines())


class Workers:
    """Three processes of copy.c, killed, stopped, asked to end, and started again at random."""

    def __init__(self, run, pick, broken=None):
        self.run, self.pick, self.broken = run, pick, broken
        self.processes = {}
        self.harms = collections.Counter()
        self.plan = list(HARMS)  # so many of each: an account that saw no kill would show nothing
        pick.shuffle(self.plan)

    def start(self, name):
        log = open(self.run.directory / "log" / f"copy-{name}.log", "a")
        environment = {**os.environ, "COPY_BREAK": self.broken or ""}
        self.processes[name] = subprocess.Popen(
            [COPY, "-c", self.run.directory / "tlsrpt.conf", "-o", f"instance=copy-{name}"],
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

    def revive(self, name):
        """A zombie that was fenced ends with 1, and whoever started it starts it again; any other end is a fault."""
        if self.processes[name].returncode != 1 and not self.broken:
            raise Failed(f"copy-{name} ended by itself with {self.processes[name].returncode}: see its log")
        self.start(name)

    def harm(self):
        name = self.pick.randrange(3)
        process = self.processes[name]
        if process.poll() is not None:
            self.revive(name)
            return f"nothing: copy-{name} had ended"
        how = self.plan.pop()
        self.harms[how.name] += 1
        process.send_signal(how)
        if how == signal.SIGSTOP:  # longer than the session timeout: a zombie comes back
            time.sleep(self.pick.uniform(7, 9))
            process.send_signal(signal.SIGCONT)
        else:
            status = process.wait(60)
            if how == signal.SIGTERM and status != 0 and not self.broken:
                raise Failed(f"copy-{name} was asked to end and ended with {status}: see its log")
            self.start(name)
        return how.name


def harm_while_fed(workers):
    """How many records went in; then peace until nothing is left to do."""
    with Feeder(workers.run, "deliveries.smtp") as feeder:
        workers.run.wait("work begins", 60, lambda: written(workers.run, "deliveries.https") > 0)
        for _ in HARMS:
            time.sleep(workers.pick.uniform(0, 3))  # the pace of the harms, not a wait for anything
            say(f"{workers.harm()} with {feeder.count} records written")
    for name, process in workers.processes.items():
        if process.poll() is not None:
            workers.revive(name)
    workers.run.wait("the groups finish", 240, lambda: all(workers.run.lag()[job] == 0 for job in ("smtp", "route", "aggregate")))
    return feeder.count


def problems(run, value, broken=None):
    """How many records are lost, how many doubled, and by how much the sums are off."""
    with Workers(run, random.Random(value), broken) as workers:
        count = harm_while_fed(workers)
    came = collections.Counter((value, headers) for _, _, headers, _, value in run.records("deliveries.https"))
    want = {(f"{n}", f"copy:{name}") for n in range(count) for name in "ab"}
    lost = len(want - set(came))
    doubled = sum(n - 1 for n in came.values())
    last = {key: int(value) for _, _, _, key, value in run.records("state")}
    sums = collections.Counter(f"k{n % KEYS}" for n in range(count))
    off = sum(abs(sums[key] - last.get(key, 0)) for key in sums)
    harms = ", ".join(f"{times} {name}" for name, times in workers.harms.items())
    say(f"{count} records, {harms}: {lost} lost, {doubled} doubled, sums off by {off}")
    return lost, doubled, off


def test_loop_is_exactly_once():
    with Run("test-loop") as run:
        if any(problems(run, seed())):
            raise Failed("records lost or doubled")


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def without_partitions(log):
    """How many jobs of a process were last given none."""
    given = dict(re.findall(r"assigned job=(\w+) partitions=(\d+)", log.read_text()))
    return list(given.values()).count("0")


def test_process_without_partitions_rests():
    """Two processes for one partition of each topic. A loop that does not wait takes a whole processor."""
    ones = " ".join(f"{topic}=1" for topic in ("deliveries.smtp", "deliveries.https", "reports", "events", "state"))
    with Run("test-loop", conf={"topics.partitions": ones}) as run, Workers(run, random.Random(0)) as workers:
        workers.processes.pop(2).kill()
        logs = [run.directory / "log" / f"copy-{name}.log" for name in workers.processes]
        run.wait("three jobs have nothing to do", 90, lambda: sum(without_partitions(log) for log in logs) == 3)
        before = [cpu_seconds(process) for process in workers.processes.values()]
        time.sleep(5)  # the span that is measured
        used = [cpu_seconds(process) - was for process, was in zip(workers.processes.values(), before)]
        say("processor time in 5 s: " + ", ".join(f"{seconds:.2f} s" for seconds in used))
        if max(used) > 2.5:
            raise Failed("an idle process does not rest")


def test_early_output_is_seen():
    with Run("test-loop") as run:
        lost, doubled, _ = problems(run, seed(), broken="early")
        if lost or not doubled:
            raise Failed("outputs went out before their record was finished, and the account did not see just that")


def test_missing_table_is_seen():
    with Run("test-loop") as run:
        lost, doubled, off = problems(run, seed(), broken="table")
        if lost or doubled or not off:
            raise Failed("the table was not restored, and the account did not see just that")


if __name__ == "__main__":
    main(test_loop_is_exactly_once, test_process_without_partitions_rests, test_early_output_is_seen, test_missing_table_is_seen)
