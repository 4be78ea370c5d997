"""The whole way on real servers: documents in, reports out, held against the ledger. Then again with two processes of
every program, each killed with -9, and ended or paused, in mid-run."""
import gzip
import json
import random
import shutil
import threading
import time

from account import Account, Counts
from documents import BAD_REASONS, Generator, Ledger
from harness import Failed, PROGRAMS, Run, grace_until, main, say, seed, yesterday

# what each domain publishes, and so where its reports must arrive
HTTPS = "https://{name}.receivers.example:@HTTPS_PORT@/tlsrpt"
MAIL = "mailto:tlsrpt@{name}.example"
FORMS = {"alpha": [HTTPS], "beta": [MAIL], "gamma": [MAIL, HTTPS], "delta": [HTTPS], "epsilon": [MAIL], "zeta": []}
PUBLISHED = {f"{name}{number}": forms for name, forms in FORMS.items() for number in range(8)}
SILENT = [f"{name}.example" for name, forms in PUBLISHED.items() if not forms]


def zone():
    for name, forms in PUBLISHED.items():
        if forms:
            rua = ",".join(form.format(name=name) for form in forms)
            yield f'_smtp._tls.{name}.example TXT "v=TLSRPTv1; rua={rua}"'


def targets(run):
    """(domain, target) of everything that must arrive."""
    for name, forms in PUBLISHED.items():
        for form in forms:
            yield f"{name}.example", form.format(name=name).replace("@HTTPS_PORT@", run.ports["HTTPS_PORT"])


def domains():
    return [f"{name}.example" for name in PUBLISHED]


def all_arrived(run, ledger):
    account = run.account()
    return all(account.counts(target).sessions() >= sessions_of(ledger, domain) for domain, target in targets(run))


def silent_reports(run):
    """(domain, report-id) -> report, about those who publish nothing: they stand in the topic of the reports, no further."""
    reports = ((key, json.loads(value)) for _, _, _, key, value in run.records("reports"))
    return {(domain, report["report-id"]): report for domain, report in reports if domain in SILENT}


def counts_of(reports, domain):
    counts = Counts()
    for (about, _), report in reports.items():
        if about == domain:
            counts.add(report)
    return counts


def all_made(run, ledger):
    reports = silent_reports(run)
    return all(counts_of(reports, domain).sessions() >= sessions_of(ledger, domain) for domain in SILENT)


def wait_reported(run, ledger, seconds):
    run.wait("all reports arrive", seconds, lambda: all_arrived(run, ledger))
    run.wait("all others are made", seconds, lambda: all_made(run, ledger))


def sessions_of(ledger, domain):
    return sum(n for counter in (ledger.successes, ledger.failures) for key, n in counter.items() if key[0] == domain)


def check(run, ledger):
    """Nothing lost, nothing doubled, nothing where it does not belong."""
    account = run.account()
    check_arrived(run, ledger, account)
    check_rejected(run, ledger, account.problems)
    check_outcomes(run, account)
    check_silent(run, ledger, account)
    account.problems += [f"scanned by nobody: {task}" for task in run.unread_tasks()]
    account.problems += [f"sessions wait for one more report: {key}" for key in run.open_tallies()]
    say(f"{ledger.sessions()} sessions, {len(account.reports)} reports at targets, {account.repeated} repeated with the same bytes")
    if account.problems:
        raise Failed("\n    ".join([f"{len(account.problems)} problems", *account.problems[:20]]))


def check_arrived(run, ledger, account):
    for domain, target in targets(run):
        account.check_target(target, ledger, domain)
    expected = {target for _, target in targets(run)}
    account.problems += [f"nobody asked for a report at {target}" for target in account.targets() if target not in expected]


def check_silent(run, ledger, account):
    """Who publishes nothing gets nothing, its sessions are counted all the same, and each of its reports has its end."""
    reports = silent_reports(run)
    ended = sorted((line["domain"], line["report-id"]) for line in run.verb("sender", "outcomes") if line["state"] == "no-target")
    if ended != sorted(reports):
        account.problems.append(f"without a target: reports {sorted(reports)}, outcomes {ended}")
    for domain in SILENT:
        account.check_counts(f"reports about {domain}", counts_of(reports, domain), ledger, domain)


def check_rejected(run, ledger, problems):
    seen = {}
    for line in run.verb("producer", "rejected"):
        reason = line["headers"]["reason"]
        seen[reason] = seen.get(reason, 0) + 1
    if seen != dict(ledger.rejected):
        problems.append(f"rejected: {dict(ledger.rejected)} went in, {seen} stand in the topic")


def check_outcomes(run, account):
    """Every (report, target) that arrived is recorded as delivered; every report without a target as such."""
    outcomes = run.verb("sender", "outcomes")
    delivered = {(line["target"], line["report-id"]) for line in outcomes if line["state"] == "delivered"}
    arrived = set(account.reports)
    account.problems += [f"arrived but not recorded: {key}" for key in arrived - delivered]
    account.problems += [f"recorded as delivered but did not arrive: {key}" for key in delivered - arrived]
    account.problems += [f"no end: {line}" for line in outcomes if line["state"] == "waiting"]


def drop_delivery(folder):
    """The last that came by https never came."""
    index = folder / "https" / "index.jsonl"
    index.write_text("".join(index.read_text().splitlines(keepends=True)[:-1]))


def double_delivery(folder):
    """The last that came by https came as another report, too."""
    index = folder / "https" / "index.jsonl"
    entry = json.loads(index.read_text().splitlines()[-1])
    report = json.loads(gzip.decompress((folder / "https" / entry["file"]).read_bytes()))
    report["report-id"] = "again." + report["report-id"]
    (folder / "https" / "again").write_bytes(gzip.compress(json.dumps(report).encode()))
    with open(index, "a") as lines:
        lines.write(json.dumps({**entry, "file": "again"}) + "\n")


def check_the_account(run, ledger):
    """The control: what is harmed after it was found right must be found wrong."""
    for harm in (drop_delivery, double_delivery):
        folder = run.directory / "harmed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run.received, folder)
        harm(folder)
        account = Account(folder, run.ports["HTTPS_PORT"])
        check_arrived(run, ledger, account)
        if not account.problems:
            raise Failed(f"{harm.__name__}, and the account saw nothing")
        say(f"{harm.__name__}: the account sees {len(account.problems)} problems")


def documents_with_faults(generator, ledger, count):
    """`count` good ones, and every kind of bad and empty one among them."""
    batch = [generator.one(ledger) for _ in range(count)]
    for reason in BAD_REASONS:
        batch.append(generator.bad(reason))
        ledger.rejected[reason] += 1
    batch.append({"timestamp": generator.start_ms, "transactionid": "empty"})
    ledger.empty += 1
    generator.random.shuffle(batch)
    return batch


def test_documents_become_reports():
    with Run("test-pipeline", dns=list(zone())) as run:
        ledger, generator = Ledger(), Generator(seed(), domains(), yesterday())
        run.index()
        for _ in range(4):
            run.load(documents_with_faults(generator, ledger, 2500))
        run.start()
        wait_reported(run, ledger, 120)
        run.wait_idle()
        check(run, ledger)
        check_the_account(run, ledger)
        run.stop(programs=("aggregator", "sender"))


DUE_S = 35  # after the workers' start; all is loaded by then


# how a worker is harmed, how it comes back, and after how many seconds
KILL = ("kill", "start", (0, 3))
STOP = ("stop", "start", (0, 3))
PAUSE = ("pause", "resume", (7, 9))  # longer than the session timeout: it comes back as a zombie


class Killer(threading.Thread):
    """kill -9 of every worker once, and SIGTERM or SIGSTOP of every worker once, at random moments of a span, in random
    order; each comes back under its name."""

    def __init__(self, run, pick, span_s, progress):
        super().__init__()
        self.run_, self.progress, self.error = run, progress, None
        self.over = threading.Event()  # the test failed: nothing may be started any more
        harms = [(program, index, harm) for program in PROGRAMS for index in (1, 2) for harm in (KILL, pick.choice([STOP, PAUSE]))]
        pick.shuffle(harms)
        moments = sorted(pick.uniform(0, span_s) for _ in harms)
        self.plan = [(moment, *harm, pick.uniform(*harm[2][2])) for moment, harm in zip(moments, harms)]

    def run(self):
        start = time.monotonic()
        try:
            for moment, program, index, (harm, mend, _), pause in self.plan:
                if self.over.wait(max(0, start + moment - time.monotonic())):
                    return
                phase = self.progress()
                self.run_.worker(harm, program, index)
                say(f"{harm} {program}-{index} at {time.monotonic() - start:.2f} s, {phase}")
                if self.over.wait(pause):
                    return
                self.run_.worker(mend, program, index, wait=False)
                self.run_.revive(2)
        except Exception as error:  # shown by the test, which joins
            self.error = error

    def __enter__(self):
        self.start()

    def __exit__(self, kind, *_):
        if kind:
            self.over.set()
        self.join()
        if self.error and not kind:
            raise self.error


def progress(run, loaded):
    def text():
        account = run.account()
        return f"loaded {loaded[0]}, accepted {len(account.reports)} deliveries"
    return text


def slow_receivers(run):
    """Some answer only after a while, so that a kill finds deliveries under way."""
    for name in PUBLISHED:
        if name.startswith(("alpha", "gamma")):
            (run.received / "https-wait").mkdir(exist_ok=True)
            (run.received / "https-wait" / f"{name}.receivers.example").write_text("0.7")


def kill_round(name, value):
    pick = random.Random(value)
    ledger, loaded = Ledger(), [0]
    # reports are due from DUE_S on, spread over 30 s: harms fall before, among and after them
    conf = {"report.spread": "30s", "aggregate.interval": "2s"}
    with Run(name, conf=conf, dns=list(zone())) as run:
        generator = Generator(value, domains(), yesterday())
        run.index()
        slow_receivers(run)
        run.configure("report.grace", grace_until(DUE_S))
        due = time.monotonic() + DUE_S
        run.start(2, wait=False)
        with Killer(run, pick, DUE_S + 30, progress(run, loaded)):
            for _ in range(8):
                run.load(documents_with_faults(generator, ledger, 1500))
                loaded[0] += 1500
                time.sleep(pick.uniform(0, 1))  # the load's own pace, not a wait for anything
            if time.monotonic() > due:  # what comes later is reported a day later: that is no fault
                raise Failed(f"this machine is too slow for the test: it loaded for more than {DUE_S} s")
        run.revive(2)
        wait_reported(run, ledger, 180)
        run.wait_idle(120)
        check(run, ledger)
        run.stop(2, programs=("aggregator", "sender"))


def test_rejects_harm_no_neighbour():
    """A hundred documents of each kind that is rejected, each beside good ones."""
    with Run("test-rejects", conf={"aggregate.interval": "2s"}, dns=list(zone())) as run:
        ledger, generator = Ledger(), Generator(seed(), domains(), yesterday())
        run.index()
        for reason in BAD_REASONS:
            batch = []
            for _ in range(100):
                batch += [generator.one(ledger), generator.bad(reason), generator.one(ledger)]
                ledger.rejected[reason] += 1
            run.load(batch)
        run.load(updated_documents(run, generator, ledger, 100))
        run.start()
        wait_reported(run, ledger, 120)
        run.wait_idle()
        check(run, ledger)
        run.stop(programs=("aggregator", "sender"))


def updated_documents(run, generator, ledger, count):
    """Writes documents twice under one id: rejected as updated, not counted twice. Gives as many good neighbours."""
    for number in range(count):
        document = json.dumps(generator.one(Ledger())).encode()
        for _ in range(2):
            run.elastic("PUT", f"/tlsrpt/_doc/updated-{number}", document)
        ledger.rejected["updated"] += 1
    return [generator.one(ledger) for _ in range(count)]


def test_kill_of_every_process():
    kill_round("test-kill", seed())


def test_twenty_kill_rounds():
    """Only by name: it takes twenty minutes."""
    failures = []
    for number in range(20):
        value = seed() + number
        try:
            kill_round("test-kill", value)
        except Failed as error:
            failures.append(f"round {number + 1}, seed {value}: {error}")
        say(f"round {number + 1} of 20: {len(failures)} failed so far")
    if failures:
        raise Failed("\n".join(failures))


if __name__ == "__main__":
    main(test_documents_become_reports, test_rejects_harm_no_neighbour, test_kill_of_every_process, by_name=[test_twenty_kill_rounds])
