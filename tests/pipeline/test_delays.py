"""A delivery that waits is not forgotten when retry.delays changes: the tier it was parked in is still read, although nothing
names it any more."""
from harness import Failed, Run, main, say

HOST = "later.receivers.example"
ZONE = [f'_smtp._tls.later.example TXT "v=TLSRPTv1; rua=https://{HOST}:@HTTPS_PORT@/t"']


def outcome(run):
    lines = run.verb("sender", "outcomes")
    return (lines[0]["state"], lines[0]["attempts"]) if lines else None


def refuse(run):
    switch = run.received / "https-503" / HOST
    switch.parent.mkdir(exist_ok=True)
    switch.write_text("1")  # once


def test_former_delay_is_still_read():
    with Run("test-delays", conf={"retry.delays": "20s 40s", "retry.window": "1h"}, dns=ZONE) as run:
        refuse(run)
        run.feed_reports(["later.example"])
        run.worker("start", "sender", 1)
        run.wait("the first try is refused", 60, lambda: outcome(run) == ("waiting", 1))
        run.worker("stop", "sender", 1)
        if run.lag()["delay"] == 0:
            raise Failed("nothing is parked: this machine is too slow for the test")
        run.configure("retry.delays", "1s 2s")
        run.command("producer", "topics")
        run.worker("start", "sender", 1)
        run.wait("the second try is delivered", 120, lambda: outcome(run) == ("delivered", 2))
        run.wait("lag reaches 0", 60, lambda: run.lag()["delay"] == 0)
        say("parked in delay.20s, delivered under retry.delays = 1s 2s")
        run.worker("stop", "sender", 1)


if __name__ == "__main__":
    main(test_former_delay_is_still_read)
