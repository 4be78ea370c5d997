"""documents: session documents as mail servers write them, and the ledger of what they must become.

Every document is first a canonical fact (domain, policy, result, detail) that goes into the ledger, and is then written
down in one of the many ways that the rules D1 to D9 allow. The ledger never passes through the project's own code.
"""
import collections
import datetime
import json
import random

RESULTS = [
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
    "validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error",
    "sts-policy-invalid", "sts-webpki-invalid",
]
DETAIL_MEMBERS = ["sending-mta-ip", "receiving-mx-hostname", "receiving-mx-helo", "receiving-ip",
                  "additional-information", "failure-reason-code"]

Policy = collections.namedtuple("Policy", "type strings mx")


def day_ms(day):
    return int(datetime.datetime.combine(day, datetime.time(), datetime.timezone.utc).timestamp() * 1000)


class Ledger:
    """What receivers must get: sessions by (domain, day), policy, and detail."""

    def __init__(self):
        self.successes = collections.Counter()
        self.failures = collections.Counter()
        self.details = collections.Counter()
        self.rejected = collections.Counter()
        self.empty = 0

    def count(self, domain, day, policy, result, detail):
        key = (domain, day.isoformat(), policy.type, policy.strings, policy.mx)
        if result == "success":
            self.successes[key] += 1
        else:
            self.failures[key] += 1
            self.details[key + (result, detail)] += 1

    def sessions(self):
        return sum(self.successes.values()) + sum(self.failures.values())


class Generator:
    """Documents for `domains` on `day`, the same for the same seed."""

    def __init__(self, seed, domains, day):
        self.random = random.Random(seed)
        self.domains = domains
        self.day = day
        self.start_ms = day_ms(day)
        self.policies = {domain: self._policies(domain) for domain in domains}
        self.number = 0

    def _policies(self, domain):
        sts = ("version: STSv1", "mode: enforce", f"mx: *.{domain}", "max_age: 86400")
        tlsa = tuple(sorted(f"3 1 1 {self.random.getrandbits(256):064X}" for _ in range(2)))
        return [Policy("no-policy-found", (), ()), Policy("sts", sts, (f"*.{domain}",)),
                Policy("sts", sts[:1] + ("mode: testing",) + sts[2:], (f"*.{domain}", f"mx.{domain}")),
                Policy("tlsa", tlsa, ())]

    def one(self, ledger):
        """A document that counts, noted in the ledger."""
        pick = self.random
        domain = pick.choice(self.domains)
        policy = pick.choice(self.policies[domain])
        result = "success" if pick.random() < 0.7 else pick.choice(RESULTS)
        facts = {
            "sending-mta-ip": pick.choice(["192.0.2.1", "192.0.2.2", "2001:db8::25"]),
            "receiving-mx-hostname": f"mx{pick.randrange(3)}.{domain}",
            "receiving-ip": pick.choice(["198.51.100.7", "2001:db8:1::7"]),
            "failure-reason-code": pick.choice([None, "X509_V_ERR_CERT_HAS_EXPIRED", "no STARTTLS in EHLO"]),
        }
        if result == "success":
            facts["failure-reason-code"] = None
        detail = tuple(facts.get(name) for name in DETAIL_MEMBERS)
        ledger.count(domain, self.day, policy, result, detail)
        return self._written(domain, policy, result, facts)

    def _written(self, domain, policy, result, facts):
        pick = self.random
        self.number += 1
        moment = self.start_ms + pick.randrange(86_400_000)
        document = {"timestamp": self._moment(moment), "transactionid": f"t{self.number:08}",
                    "policy-domain": self._name(domain), "policy-type": self._word(policy.type),
                    "result-type": self._word(result)}
        if policy.strings:
            document["policy-string"] = self._strings(policy)
        if policy.mx:
            document["mx-host"] = [self._name(name) for name in policy.mx]
        for name, value in facts.items():
            if value is None:
                document.update(pick.choice([{}, {name: ""}, {name: None}, {name: []}]))
            else:
                document[name] = self._address(value) if name.endswith("-ip") else value
        document["user"] = "somebody@example.org"  # must leave the system nowhere
        return document

    def _moment(self, moment):
        text = datetime.datetime.fromtimestamp(moment / 1000, datetime.timezone.utc)
        return self.random.choice([moment, moment, moment, float(moment), str(moment),
                                   text.isoformat(timespec="milliseconds").replace("+00:00", "Z")])

    def _name(self, name):
        return self.random.choice([name, name, name, name.upper(), name + ".", [name]])

    def _word(self, word):
        return self.random.choice([word, word, word, word.upper(), f" {word} "])

    def _strings(self, policy):
        strings = list(policy.strings)
        if policy.type == "tlsa":
            self.random.shuffle(strings)
            return self.random.choice([strings, [s.lower().replace(" ", "  ") for s in strings]])
        return self.random.choice([strings, "\r\n".join(strings) + "\r\n"])

    def _address(self, address):
        forms = [address, address]
        forms.append(address.upper() + "%eth0" if ":" in address else "::ffff:" + address)
        return self.random.choice(forms)

    def bad(self, reason):
        """A document that must be rejected for `reason`."""
        pick = self.random
        document = self._written(self.domains[0], self.policies[self.domains[0]][0], "success", {})
        changes = {
            "bad-timestamp": [{"timestamp": "yesterday"}, {"timestamp": 12}, {"timestamp": None}, {"timestamp": 4e15},
                              {"timestamp": self.start_ms + 0.5}, {"timestamp": [1, 2]}],
            "bad-domain": [{"policy-domain": "192.0.2.1"}, {"policy-domain": "a b"}, {"policy-domain": ""},
                           {"policy-domain": "-x.example"}, {"policy-domain": {"a": 1}}, {"policy-domain": "a..b"}],
            "bad-policy-type": [{"policy-type": "dane"}, {"policy-type": 3},
                                {"policy-type": None, "policy-string": ["version: STSv1"]}],
            "no-result": [{"result-type": None}, {"result-type": ""}, {"result-type": []}],
            "too-large": [{"policy-type": "sts", "policy-string": [f"mx: {i}.example" for i in range(65)]},
                          {"policy-type": "sts", "policy-string": "mx: " + "x" * 2000},
                          {"policy-type": "sts", "mx-host": [f"mx{i}.example" for i in range(65)]}],
        }
        document.update(pick.choice(changes[reason]))
        return document


BAD_REASONS = ["bad-timestamp", "bad-domain", "bad-policy-type", "no-result", "too-large"]


def bulk(documents, index):
    """The body of an Elasticsearch _bulk request; ids are made by the server."""
    action = json.dumps({"create": {"_index": index}})
    return "".join(f"{action}\n{json.dumps(document)}\n" for document in documents).encode()
