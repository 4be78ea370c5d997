"""What is wrong at the start is said in one clear line, with the right exit code, and soon: a wrong configuration of every
kind, no broker, no topic, another number of partitions, a lost offset."""
import subprocess
import tempfile
import time

from harness import BIN, Failed, Run, main, say

GOOD = {
    "elastic.url": "http://127.0.0.1:1", "elastic.index": "tlsrpt", "report.organization_name": "Example",
    "report.contact_info": "tlsrpt@sender.example", "smtp.relay": "smtp://127.0.0.1:1", "dkim.mode": "relay", "deliver.mode": "live",
    "topics.replication": "1",
}
FATAL, USAGE, CONFIG = 1, 2, 78


def start(program, settings, *arguments, seconds=40):
    """(exit code, its lines at warn or error and bare ones) of a program that is not expected to run."""
    command = [BIN / f"tlsrpt-{program}", *arguments]
    for key, value in settings.items():
        command += ["-o", f"{key}={value}"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    lines = [line for line in result.stderr.splitlines() if " info " not in line and " debug " not in line]
    return result.returncode, lines


def expect(what, got, code, *words):
    status, lines = got
    if status != code or len(lines) != 1 or not all(word in lines[0] for word in words):
        raise Failed(f"{what}: wanted exit {code} and one line with {words}, got exit {status} and {lines}")
    say(f"{what}: exit {status}: {lines[0]}")


def test_wrong_configuration():
    nowhere = {**GOOD, "kafka.bootstrap.servers": "127.0.0.1:1"}
    rows = [
        ("unknown key", "sender", {"report.gracee": "1h"}, CONFIG, ["report.gracee"]),
        ("bad duration", "aggregator", {"report.grace": "1x"}, CONFIG, ["report.grace", "1x"]),
        ("out of bounds", "producer", {"scan.task_documents": "0"}, CONFIG, ["scan.task_documents"]),
        ("no choice", "sender", {"https.verify": "maybe"}, CONFIG, ["https.verify"]),
        ("unreadable secret", "producer", {"elastic.user": "u", "elastic.password_file": "/nonexistent"}, CONFIG, ["elastic.password_file"]),
        ("contradiction", "sender", {"deliver.mode": "redirect"}, CONFIG, ["deliver.redirect"]),
        ("submitter", "sender", {"mail.from": "a@other.example"}, CONFIG, ["mail.from"]),
        ("a rule of the loop", "aggregator", {"kafka.isolation.level": "read_uncommitted"}, CONFIG, ["isolation.level"]),
        ("unknown librdkafka property", "aggregator", {"kafka.no.such.thing": "1"}, CONFIG, ["no.such.thing"]),
        ("unknown job", "sender", {"jobs": "fax"}, CONFIG, ["fax"]),
        ("signing", "sender", {"dkim.mode": "sign"}, USAGE, ["dkim.mode"]),
        ("OpenSearch", "producer", {"elastic.distribution": "opensearch"}, USAGE, ["opensearch"]),
    ]
    for what, program, change, code, words in rows:
        expect(what, start(program, {**nowhere, **change}), code, *words)
    expect("no broker named", start("aggregator", GOOD), CONFIG, "kafka.bootstrap.servers")


def test_wrong_file():
    """Whatever is wrong with a value, the line names the file and the line that set it."""
    rows = [
        ("aggregator", "report.spread = soon"), ("aggregator", "report.late = 1h"), ("aggregator", "kafka.no.such.thing = 1"),
        ("sender", "jobs = fax"), ("sender", "mail.from = a@other.example"), ("aggregator", "report.contact_info = tls"),
        ("sender", "deliver.mode = redirect"), ("sender", "deliver.redirect = mailto:a"), ("sender", "retry.window = 1m"),
        ("sender", "smtp.user = a"), ("producer", "kafka.acks = many"),
    ]
    good = {**GOOD, "kafka.bootstrap.servers": "127.0.0.1:1", "retry.delays": "2m"}
    for program, line in rows:
        key = line.split(" = ")[0]
        others = {name: value for name, value in good.items() if name != key}
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write(f"# a comment\n\n{line}\n")
            conf.flush()
            expect(line, start(program, others, "-c", conf.name), CONFIG, f"{conf.name}:3: {key}: ")
            expect(f"{line}, --check", start(program, others, "-c", conf.name, "--check"), CONFIG, f"{conf.name}:3: {key}: ")
    expect("no such file", start("aggregator", {}, "-c", "/nonexistent.conf"), CONFIG, "/nonexistent.conf")


def test_absent_verbs():
    for program, verb in (("producer", "backfill"), ("sender", "trace"), ("aggregator", "show")):
        expect(f"{program} {verb}", start(program, {}, verb), USAGE, "not available yet")


def test_broker_absent():
    for program in ("producer", "aggregator", "sender"):
        started = time.monotonic()
        expect(program, start(program, {**GOOD, "kafka.bootstrap.servers": "127.0.0.1:1"}), FATAL, "kafka does not answer")
        if time.monotonic() - started > 30:
            raise Failed(f"{program} needed {time.monotonic() - started:.0f} s to say so")


def test_stop_while_broker_is_absent():
    """Whoever is asked to stop while it waits for the broker has not failed."""
    for program in ("producer", "aggregator", "sender"):
        command = [BIN / f"tlsrpt-{program}"]
        for key, value in {**GOOD, "kafka.bootstrap.servers": "127.0.0.1:1"}.items():
            command += ["-o", f"{key}={value}"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = process.stderr.readline()
        process.terminate()
        lines = [first, *process.communicate(timeout=40)[1].splitlines()]
        if process.returncode != 0 or "stopped exit=0" not in lines[-1] or any("job failed" in line for line in lines):
            raise Failed(f"{program}: wanted exit 0, got {process.returncode} and {lines}")
        say(f"{program}: {lines[-1]}")


def test_topics_wrong():
    with Run("test-start") as run:
        good = {**GOOD, "kafka.bootstrap.servers": f"127.0.0.1:{run.ports['KAFKA_PORT']}", "retry.delays": "2s 5s 10s"}
        expect("topic missing", start("aggregator", {**good, "topics.prefix": "other."}), FATAL, "other.events", "tlsrpt-producer topics")
        expect("partition count", start("aggregator", {**good, "topics.partitions": "events=7"}), CONFIG, "events", "24", "7")
        again = start("producer", good, "topics")
        if again != (0, []):
            raise Failed(f"topics is not safe to run again: {again}")
        lose_offsets(run)
        expect("offset lost", start("aggregator", good), FATAL, "tlsrpt.aggregate", "expired", "--accept-loss")
        expect("topics names the loss", start("producer", good, "topics"), FATAL, "tlsrpt.aggregate", "--accept-loss")
        accept_loss(good)
        forget_offsets(run)
        expect("no offset, but records", start("aggregator", good), FATAL, "tlsrpt.aggregate", "no offset", "tlsrpt-producer topics")
        expect("topics does not guess where it was", start("producer", good, "topics"), FATAL, "tlsrpt.aggregate", "lost its place")
        accept_loss(good)
        run.start(programs=["aggregator"])
        run.stop(programs=["aggregator"])


def accept_loss(good):
    if start("producer", good, "topics", "--accept-loss") != (0, []):
        raise Failed("topics --accept-loss failed")
    if start("producer", good, "topics") != (0, []):
        raise Failed("topics has something to say after --accept-loss")


def forget_offsets(run):
    run.kafka("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--delete-offsets", "--group", "tlsrpt.aggregate",
              "--topic", "tlsrpt.events")


def lose_offsets(run):
    """Records of events that nobody read are deleted, as retention would."""
    lines = "".join(f"a.example {n}\n" for n in range(50))
    run.kafka("kafka.tools.ConsoleProducer", "--topic", "tlsrpt.events", "--property", "parse.key=true",
              "--property", "key.separator= ", input=lines)
    offsets = run.directory / "delete.json"
    partitions = ",".join(f'{{"topic":"tlsrpt.events","partition":{n},"offset":-1}}' for n in range(24))
    offsets.write_text(f'{{"partitions":[{partitions}],"version":1}}')
    run.kafka("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", offsets)


if __name__ == "__main__":
    main(test_wrong_configuration, test_wrong_file, test_absent_verbs, test_broker_absent, test_stop_while_broker_is_absent, test_topics_wrong)
