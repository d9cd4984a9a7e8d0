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
    "run_failed": {"failed"},
    "injected": {"injected", "joined"},
    "merged": {"merged", "joined"},
    "refused": {"refused"},
}
# How a message may end, by its policy, apart from being done or stopped.
OWN_ENDS = {"steer": "injected", "merge": "merged", "debounce": "merged", "reject": "refused"}
# As often as `session.max_attempts` says, by default.
MAX_ATTEMPTS = 3
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
        self.stories = collections.defaultdict(list)
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
        ends, stopped, unlucky = self._ends_in(log)
        without_letter = set(unlucky)
        for _, subject, headers, _ in broker.messages("BATON_DEAD"):
            letter = json.loads(dict(headers)["Baton-Event"])
            if letter["code"] == "max_attempts" and letter["run"] in without_letter:
                without_letter.remove(letter["run"])
            else:
                ends[subject.rsplit(".", 1)[1]].append((letter["run"], "refused" if letter["code"] == "session_busy" else letter["code"]))
        found.extend(f"{run} has failed without a letter" for run in without_letter)
        for session, accepted in sorted(self.accepted.items()):
            found.extend(f"{session}: {said}" for said in self._differences_of(accepted, ends.pop(session, []), stopped, unlucky))
        found.extend(f"{session}: nobody published for it" for session in ends)
        return found

    def _ends_in(self, log):
        """Per session all ends, in order; the runs that somebody's message has stopped or replaced; and those that lost their node
        so often, without a checkpoint between, that they were given up."""
        ends, stopped, unlucky = collections.defaultdict(list), set(), set()
        deaths = collections.Counter()
        for seq, session, events in log:
            for event in events:
                how, run = event.get("disposition"), event.get("run")
                self.stories[run].append(f"{seq}: {how or event['kind']} in epoch {event['epoch']}")
                if event["kind"] == "session_taken":
                    deaths[run] += 1
                elif event["kind"] == "checkpoint_stored":
                    deaths[run] = 0
                if event["kind"] == "run_failed" and event.get("code") == "max_attempts" and deaths[run] >= MAX_ATTEMPTS:
                    unlucky.add(run)
                if event["kind"] in FINAL:
                    ends[session].append((run, event["kind"]))
                elif how in ("injected", "merged"):
                    ends[session].append((event["run"], how))
                elif how in ("interrupted", "rolled_back"):
                    stopped.add(event["other"])
                elif how == "replaced":
                    stopped.add(event["run"])
        return ends, stopped, unlucky

    def _differences_of(self, accepted, ends, stopped, unlucky):
        by_task = collections.defaultdict(list)
        for task, how in ends:
            by_task[task].append(how)
            self.ends[how] += 1
        for task, (_, policy) in accepted.items():
            how = by_task.pop(task, [])
            if len(how) != 1:
                yield f"{task} ({policy}) has the ends {how}, and was told {self.told[task]}: {self.stories[task]}"
                continue
            may_end = {"run_completed", OWN_ENDS.get(policy)}
            may_end |= ({"run_cancelled"} if task in stopped else set()) | ({"run_failed"} if task in unlucky else set())
            if how[0] not in may_end:
                yield f"{task} ({policy}) has the end {how[0]}: {self.stories[task]}"
            said = set(self.told[task]) - {None}
            if not said or not said <= SAID.get(how[0], set()):
                yield f"{task} ({policy}) has the end {how[0]}, and was told {self.told[task]}"
        yield from (f"{task} has ended and nobody published it" for task in by_task)
        done = [task for task, how in ends if how == "run_completed" and task in accepted]
        in_order = sorted(done, key=lambda task: accepted[task][0])
        if done != in_order:
            yield f"done out of order: {next(pair for pair in zip(done, in_order) if pair[0] != pair[1])}"
