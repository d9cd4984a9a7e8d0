"""A producer that keeps the load steady and writes down what the broker accepted and what it was told; in the end the log must
agree with both."""
import collections
import json
import random
import threading

from broker import Broker
from log_rules import broken_rules
from node import FINAL, log_of

INBOX = "_INBOX.ledger"
POLICIES = ("enqueue", "steer", "interrupt", "rollback", "reject", "replace", "merge", "debounce")
# How a message ends -> what is said to whoever asked.
SAID = {
    "run_completed": {"completed"},
    "run_cancelled": {"cancelled"},
    "injected": {"injected", "joined"},
    "merged": {"merged", "joined"},
    "refused": {"refused"},
}
# How a message may end, by its policy, apart from being done or stopped.
OWN_ENDS = {"steer": "injected", "merge": "merged", "debounce": "merged", "reject": "refused"}
DUPLICATES = 0.1
RECENT = 5


class Ledger:
    """One thread of its own, one connection. At most `ahead` tasks wait at any time, so that the load lasts as long as the test.
    Half of the sessions get nothing but turns that wait; the others' messages have every policy. Some are sent twice."""

    def __init__(self, url, sessions, runners, ahead, seed=1):
        self.broker = Broker(url)
        self.broker.subscribe(f"{INBOX}.>")
        self.sessions = sessions
        self.runners = runners
        self.ahead = ahead
        self.chance = random.Random(seed)
        # Session -> task -> (sequence, policy).
        self.accepted = collections.defaultdict(dict)
        self.told = collections.defaultdict(list)
        self.recent = collections.deque(maxlen=RECENT)
        self.count = 0
        self.duplicates = 0
        self.ends = collections.Counter()
        self.failure = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.ending.is_set():
                waiting = self.broker.stream("BATON_TASKS")["state"]["messages"]
                for _ in range(max(0, self.ahead - waiting)):
                    self._publish()
                self._listen()
                self.ending.wait(0.02)
        except Exception as failure:  # told by `end`
            self.failure = failure

    def _publish(self):
        n = self.count
        session, round_ = n % self.sessions, n // self.sessions
        is_mixed = session % 2 == 1
        task = {"id": f"t{n}", "runner": self.runners[-1] if is_mixed else self.runners[round_ % len(self.runners)],
                "input": f"a line of turn {n}\n" * 3, "options": {"pause": 0.1},
                "when_busy": self.chance.choice(POLICIES) if is_mixed else "enqueue", "reply_to": f"{INBOX}.t{n}"}
        seq = self.broker.store(f"baton.task.s{session}", task)
        self.accepted[f"s{session}"][task["id"]] = (seq, task["when_busy"])
        self.count += 1
        # One that is refused has not been taken: sent again, it is judged again.
        if task["when_busy"] != "reject":
            self.recent.append((session, task))
        if self.recent and self.chance.random() < DUPLICATES:
            session, task = self.chance.choice(self.recent)
            self.broker.store(f"baton.task.s{session}", task)
            self.duplicates += 1

    def _listen(self):
        """What was said to us while we asked something else."""
        for subject, _, payload in self.broker.waiting:
            answer = json.loads(payload)
            status = (answer.get("body") or {}).get("status")
            self.told[subject.rsplit(".", 1)[1]].append("refused" if answer["verdict"] == "refused" else status)
        self.broker.waiting.clear()

    def end(self):
        """No more turns."""
        self.ending.set()
        self.thread.join()
        if self.failure:
            raise self.failure

    def differences(self, broker):
        """Once all is acknowledged: empty if each message has one end, which its policy allows and which is what was said of it;
        if turns are done in the order of acceptance; and if nobody wrote what he might not."""
        # Whatever was said before this answer came is here by now.
        self.broker.stream("BATON_TASKS")
        self._listen()
        self.broker.close()
        log = log_of(broker)
        found = broken_rules(log)
        ends, stopped = self._ends_in(log)
        for _, subject, headers, _ in broker.messages("BATON_DEAD"):
            letter = json.loads(dict(headers)["Baton-Event"])
            ends[subject.rsplit(".", 1)[1]].append((letter["run"], "refused" if letter["code"] == "session_busy" else letter["code"]))
        for session, accepted in sorted(self.accepted.items()):
            found.extend(f"{session}: {said}" for said in self._differences_of(accepted, ends.pop(session, []), stopped))
        found.extend(f"{session}: nobody published for it" for session in ends)
        return found

    def _ends_in(self, log):
        """Per session all ends, in order; and the runs that somebody's message has stopped or replaced."""
        ends, stopped = collections.defaultdict(list), set()
        for _, session, events in log:
            for event in events:
                how = event.get("disposition")
                if event["kind"] in FINAL:
                    ends[session].append((event["run"], event["kind"]))
                elif how in ("injected", "merged"):
                    ends[session].append((event["run"], how))
                elif how in ("interrupted", "rolled_back"):
                    stopped.add(event["other"])
                elif how == "replaced":
                    stopped.add(event["run"])
        return ends, stopped

    def _differences_of(self, accepted, ends, stopped):
        by_task = collections.defaultdict(list)
        for task, how in ends:
            by_task[task].append(how)
            self.ends[how] += 1
        for task, (_, policy) in accepted.items():
            how = by_task.pop(task, [])
            if len(how) != 1:
                yield f"{task} ({policy}) has the ends {how}, and was told {self.told[task]}"
                continue
            may_end = {"run_completed", OWN_ENDS.get(policy)} | ({"run_cancelled"} if task in stopped else set())
            if how[0] not in may_end:
                yield f"{task} ({policy}) has the end {how[0]}"
            said = set(self.told[task]) - {None}
            if not said or not said <= SAID.get(how[0], set()):
                yield f"{task} ({policy}) has the end {how[0]}, and was told {self.told[task]}"
        yield from (f"{task} has ended and nobody published it" for task in by_task)
        done = [task for task, how in ends if how == "run_completed" and task in accepted]
        in_order = sorted(done, key=lambda task: accepted[task][0])
        if done != in_order:
            yield f"done out of order: {next(pair for pair in zip(done, in_order) if pair[0] != pair[1])}"
