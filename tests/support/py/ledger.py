"""A producer that keeps the load steady and writes down what the broker accepted; in the end the log must agree with it."""
import collections
import threading

from broker import Broker
from node import finals_of, log_of


class Ledger:
    """One thread of its own, one connection. At most `ahead` tasks wait at any time, so that the load lasts as long as the test."""

    def __init__(self, url, sessions, runners, ahead):
        self.broker = Broker(url)
        self.sessions = sessions
        self.runners = runners
        self.ahead = ahead
        self.accepted = collections.defaultdict(list)
        self.count = 0
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
                self.ending.wait(0.02)
        except Exception as failure:  # told by `end`
            self.failure = failure

    def _publish(self):
        n = self.count
        session, runner = f"s{n % self.sessions}", self.runners[n // self.sessions % len(self.runners)]
        task = {"id": f"t{n}", "runner": runner, "input": f"a line of turn {n}\n" * 3, "options": {"pause": 0.1}}
        seq = self.broker.store(f"baton.task.{session}", task)
        self.accepted[session].append((seq, task["id"]))
        self.count += 1

    def end(self):
        self.ending.set()
        self.thread.join()
        self.broker.close()
        if self.failure:
            raise self.failure

    def differences(self, broker):
        """Empty if every accepted task has one final record, in the order of acceptance, and epochs never fall."""
        found = []
        log = log_of(broker)
        finals = finals_of(log)
        for session, accepted in sorted(self.accepted.items()):
            wanted = [(task, "run_completed") for _, task in sorted(accepted)]
            stored = finals.pop(session, [])
            if stored != wanted:
                lost = [task for task, _ in wanted if task not in dict(stored)]
                twice = [task for task, times in collections.Counter(task for task, _ in stored).items() if times > 1]
                found.append(f"{session}: accepted {len(wanted)}, ended {len(stored)}; lost {lost}, twice {twice}, "
                             f"first difference {next((pair for pair in zip(wanted, stored) if pair[0] != pair[1]), None)}")
        found.extend(f"{session}: nobody published for it" for session in finals)
        highest = {}
        for seq, session, events in log:
            for event in events:
                if event["epoch"] < highest.get(session, 0):
                    found.append(f"{session}: epoch {event['epoch']} at {seq} after {highest[session]}")
                highest[session] = max(highest.get(session, 0), event["epoch"])
        return found
