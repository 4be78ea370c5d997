"""Promise 3 between hosts: a receiver that is slower than its reports come delays no other, although their deliveries stand
behind its own in the same partition. Held against the order in which deliveries arrived, not against seconds."""
import json

from harness import Failed, Run, main, say

SLOW, FAST = 100, 10
# Of the slow ones at least so many are begun before the first fast one is read, unless they are parked: the loop reads 64
# records beyond the oldest unfinished one. A few less, for what was on its way when the partition was paused.
IN_ORDER = SLOW - 70
HOSTS = {"slow": "slow.receivers.example", "fast": "fast.receivers.example"}


def domains(kind):
    return [f"{kind}{number}.example" for number in range(SLOW if kind == "slow" else FAST)]


def zone():
    for kind, host in HOSTS.items():
        for domain in domains(kind):
            yield f'_smtp._tls.{domain} TXT "v=TLSRPTv1; rua=https://{host}:@HTTPS_PORT@/{domain}"'


def wait_s(run, seconds):
    switch = run.received / "https-wait" / HOSTS["slow"]
    switch.parent.mkdir(exist_ok=True)
    switch.write_text(str(seconds))


def arrived(run):
    """The kind of everything that arrived, in order."""
    lines = (run.received / "https" / "index.jsonl").read_text().splitlines()
    return [json.loads(line)["host"].split(".")[0] for line in lines]


def routed(run):
    """How many deliveries stand in the topic: the outcome of each begins in the same transaction."""
    return sum(1 for line in run.verb("sender", "outcomes") if line["state"] == "waiting")


def route_first(run):
    """All slow deliveries stand in the one partition, then the fast ones, before any is begun."""
    run.configure("jobs", "route")
    run.worker("start", "sender", 1)
    for kind, count in (("slow", SLOW), ("fast", SLOW + FAST)):
        run.feed_reports(domains(kind))
        run.wait(f"{kind} ones are routed", 120, lambda count=count: routed(run) == count)
    run.worker("stop", "sender", 1)
    run.configure("jobs", "route https smtp delay")


def slow_before_fast(run):
    """How many slow ones were begun when the last fast one arrived."""
    run.wait("the fast ones arrive", 240, lambda: arrived(run).count("fast") >= FAST)
    order = arrived(run)
    last = len(order) - 1 - order[::-1].index("fast")
    return order[:last].count("slow")


def check_ends(run):
    """Everything arrived, once, and stands as delivered at the first attempt: parking costs none."""
    run.wait("the slow ones arrive", 180, lambda: arrived(run).count("slow") >= SLOW)
    run.wait_idle(120)
    counts = {kind: arrived(run).count(kind) for kind in HOSTS}
    ends = [(line["state"], line["attempts"]) for line in run.verb("sender", "outcomes")]
    if counts != {"slow": SLOW, "fast": FAST} or ends != [("delivered", 1)] * (SLOW + FAST):
        raise Failed(f"arrived: {counts}; outcomes: {sorted(set(ends))}")


def slow_host(name, timeout, seconds):
    """What slow_before_fast() says; then the receiver is slow no more, and all has to end well."""
    conf = {"topics.partitions": "deliveries.https=1", "https.timeout": timeout, "retry.delays": "2s 5s 10s", "retry.window": "1h"}
    with Run(name, conf=conf, dns=list(zone())) as run:
        wait_s(run, seconds)
        route_first(run)
        run.worker("start", "sender", 1)
        before = slow_before_fast(run)
        say(f"{before} of {SLOW} slow ones were begun when the last fast one arrived")
        wait_s(run, 0)
        check_ends(run)
        run.worker("stop", "sender", 1)
        return before


def test_slow_host_delays_no_other():
    before = slow_host("test-neighbours", timeout="10s", seconds=3)
    if before >= IN_ORDER:
        raise Failed(f"the fast ones waited for {before} slow ones")


def test_without_parking_it_would():
    """The negative control: nobody's patience ends, so nothing is parked, and the fast ones have to wait."""
    before = slow_host("test-neighbours", timeout="10m", seconds=1)
    if before < IN_ORDER:
        raise Failed(f"only {before} slow ones were begun before the last fast one: this test cannot fail")


if __name__ == "__main__":
    main(test_slow_host_delays_no_other, test_without_parking_it_would)
