"""What only real servers show of the producer: old documents of an index that was away in the first round."""
import json
import time
import urllib.request

from harness import Failed, Run, main, say

DAY_MS = 86400 * 1000


def documents(count, timestamp_ms, **members):
    return [{"timestamp": timestamp_ms, "transactionid": f"t{number}", "policy-domain": f"d{number}.example",
             "policy-type": "sts", "policy-string": ["version: STSv1", "mode: enforce", "max_age: 86400"],
             "mx-host": ["mx.example"], "result-type": "success", **members} for number in range(count)]


def metric(run, name):
    """The samples of a metric of the first producer, by their labels' text."""
    ports = dict(line.split("=") for line in (run.directory / "ports").read_text().split())
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['PRODUCER_1_PORT']}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if line.startswith(f"{name}{{")]
    return {labels[len(name):]: int(value) for labels, value in samples}


def documents_read(run):
    samples = metric(run, "tlsrpt_documents_total")
    return {result: samples.get(f'{{result="{result}"}}', 0) for result in ("counted", "skipped", "rejected")}


def wait_read(run, count):
    run.wait(f"{count} documents are read", 120, lambda: sum(documents_read(run).values()) >= count)


def fenced_rounds(run):
    return metric(run, "tlsrpt_plan_rounds_total").get('{result="fenced"}', 0)


def test_old_documents_stay_skipped_behind_the_patience():
    now_ms = int(time.time() * 1000)
    with Run("test-since", conf={"scan.since": "2d", "scan.patience": "2s"}) as run:
        run.index(shards=1)
        run.load(documents(10, now_ms - 5 * DAY_MS) + documents(7, now_ms))
        run.elastic("POST", "/tlsrpt/_close")
        run.start(programs=["producer"])
        run.wait("rounds are fenced without it", 60, lambda: fenced_rounds(run) > 1)
        if sum(documents_read(run).values()):
            raise Failed(f"the index is closed, but was read: {documents_read(run)}")
        run.elastic("POST", "/tlsrpt/_open")
        wait_read(run, 17)
        got = documents_read(run)
        say(f"documents: {got}")
        if got != {"counted": 7, "skipped": 10, "rejected": 0}:
            raise Failed(f"10 old and 7 new documents: {got}")


if __name__ == "__main__":
    main(test_old_documents_stay_skipped_behind_the_patience)
