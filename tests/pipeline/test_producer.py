"""What only real servers show of the producer: old documents of an index that was away, an index that became another one, a
task with large outputs."""
import json
import random
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
    run.wait(f"{count} documents are read", 240, lambda: sum(documents_read(run).values()) >= count)


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
        counted_once(run, 7)


def test_names_may_overlap():
    """An index that two names of elastic.index match is planned once, and neither name is empty."""
    with Run("test-names", conf={"elastic.index": "tlsrpt tlsrp*"}) as run:
        run.index(shards=1)
        run.load(documents(10, int(time.time() * 1000)))
        run.start(programs=["producer"])
        run.wait("rounds are fenced", 60, lambda: fenced_rounds(run) > 1)
        wait_read(run, 10)
        counted_once(run, 10)


def records(run, topic):
    """(partition, value) of all that is committed, each partition in its order."""
    return [(partition, json.loads(value)) for partition, _, _, _, value in run.records(topic)]


def counted_once(run, count):
    """That so many sessions stand in events, and no task is left that could add one."""
    run.stop(programs=["producer"])
    _, seen = check_order(run)
    unread = run.unread_tasks()
    if seen != count or unread:
        raise Failed(f"{count} sessions: {seen} in events, unread: {unread}")


def test_tasks_of_what_is_another_index_end():
    """Planned, not yet read; then one index is made anew with fewer shards, and the other's name is an alias."""
    now_ms = int(time.time() * 1000)
    with Run("test-anew", conf={"jobs": "plan", "elastic.index": "tlsrpt*"}) as run:
        run.index("tlsrpt", shards=2)
        run.index("tlsrpt-b", shards=1)
        run.load(documents(40, now_ms))
        run.load(documents(40, now_ms), index="tlsrpt-b")
        run.start(programs=["producer"])
        run.wait("all is planned", 60, lambda: fenced_rounds(run) > 1)
        run.stop(programs=["producer"])
        tasks = sum("fence" not in task for _, task in records(run, "scan"))
        run.elastic("DELETE", "/tlsrpt")
        run.elastic("DELETE", "/tlsrpt-b")
        run.index("tlsrpt", shards=1)
        run.index("other", shards=2, alias="tlsrpt-b")
        run.configure("jobs", "scan")
        run.start(programs=["producer"])
        run.wait("scan's lag reaches 0", 60, lambda: run.lag()["scan"] == 0)
        gone = metric(run, "tlsrpt_rejected_total").get('{stage="scan",reason="index-gone"}', 0)
        rejected = sum(1 for _ in records(run, "rejected"))
        say(f"{tasks} tasks, {gone} of them gone, {rejected} rejected")
        if not tasks == gone == rejected == 3:
            raise Failed(f"3 tasks, all of them gone: {tasks}, {gone}, {rejected}")


def large(batch, text_bytes):
    """Each has a policy of its own of about so many bytes, so that nothing combines, nor compresses."""
    pick = random.Random(0)
    for document in batch:
        document["policy-string"] = [pick.randbytes(500).hex() for _ in range(text_bytes // 1000)]
    return batch


def test_large_tasks_are_finished_before_their_fence():
    """Two tasks in one partition, each of several pages and of more outputs than may wait behind another."""
    count = 10000
    batch = large(documents(count, int(time.time() * 1000)), 4000)
    with Run("test-large", conf={"topics.partitions": "scan=1", "scan.task_documents": 10000}) as run:
        run.index(shards=2)
        for begin in range(0, count, 500):
            run.load(batch[begin:begin + 500])
        run.start(programs=["producer"])
        wait_read(run, count)
        run.wait("a fence has passed", 60, lambda: fenced_rounds(run) > 1)
        run.stop(programs=["producer"])
        tasks = [task for _, task in records(run, "scan") if "fence" not in task]
        behind, seen = check_order(run)
        say(f"{len(tasks)} tasks, {seen} sessions, {behind} of them behind a watermark")
        if len(tasks) != 2 or behind or seen != count:
            raise Failed(f"2 tasks of {count} documents: {tasks}, {seen} sessions, {behind} of them behind their fence")


def check_order(run):
    """How many sessions stand behind a watermark, and how many there are."""
    passed, behind, seen = set(), 0, 0
    for partition, value in records(run, "events"):
        if value["type"] == "watermark":
            passed.add(partition)
            continue
        seen += value["sessions"]
        behind += value["sessions"] if partition in passed else 0
    return behind, seen


if __name__ == "__main__":
    main(test_names_may_overlap, test_tasks_of_what_is_another_index_end, test_old_documents_stay_skipped_behind_the_patience, test_large_tasks_are_finished_before_their_fence)
