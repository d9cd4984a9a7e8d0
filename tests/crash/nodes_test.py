#!/usr/bin/env python3
"""Several nodes on one broker, under a steady load: one is killed, frozen past its lease, cut off, drained, and comes back, again
and again. In the end the ledger of what producers were told agrees with the log.

Arguments: the directory with the binaries, the repository's root, then unittest's own.
BATON_FAULTS_FOR: seconds that the faults go on for (25)."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from broker import Broker  # noqa: E402
from ledger import Ledger  # noqa: E402
from link import Link  # noqa: E402
from node import Node, log_of, programs_of, wait_until  # noqa: E402
from server import Server  # noqa: E402

LEASE = 2.0
CONFIG = f"""
[lease]
heartbeat = "200ms"
duration = "{int(LEASE * 1000)}ms"
self_stop = "1500ms"
[session]
slice_commit_after = "200ms"
debounce = "200ms"
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
"""


def holder_names(node):
    """The incarnations that lived on this data directory."""
    with open(os.path.join(node.data, "lives")) as file:
        return file.read()


class Nodes(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())
        self.broker = Broker(self.server.url)
        self.addCleanup(self.broker.close)

    def node(self, url=None, *arguments):
        return self.enterContext(Node(BIN, CONFIG, ["--nats", url or self.server.url, "--node.drain_timeout", "5s", *arguments])).start()


    def rest_from(self, fault, seconds):
        """The load goes on while the fault lasts."""
        until = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > until, fault, seconds + 10)

    def test_ledger_agrees_with_the_log_after_every_kind_of_fault(self):
        link = Link(self.server.port)
        self.addCleanup(link.close)
        steady, linked = self.node(), self.node(link.url)
        ledger = Ledger(self.server.url, sessions=40, runners=["echo", "echo", "echo", "count"], ahead=150)
        chance = random.Random(7)

        def kill(node):
            node.kill()
            self.rest_from("the take-over", LEASE * chance.uniform(0, 1.5))
            node.start()

        def freeze(node):
            wait_until(lambda: programs_of(node.data), "a program of its to run")
            node.process.send_signal(signal.SIGSTOP)
            self.rest_from("its lease to run out", LEASE * 1.5)
            wait_until(lambda: not programs_of(node.data), "the frozen node's programs to be gone", LEASE + 10)
            node.process.send_signal(signal.SIGCONT)

        def cut(_):
            link.cut()
            self.rest_from("the lease of the node that is cut off to run out", LEASE * 1.5)
            link.mend()

        def drain(node):
            node.process.terminate()
            self.assertEqual(node.process.wait(60), 0, node.text())
            node.start()

        faults = [(kill, steady), (freeze, linked), (cut, linked), (drain, steady), (kill, linked), (freeze, steady), (drain, linked)]
        until = time.monotonic() + float(os.environ.get("BATON_FAULTS_FOR", "25"))
        count = 0
        while count < len(faults) or time.monotonic() < until:
            fault, node = faults[count % len(faults)]
            fault(node)
            self.assertFalse(node.ended(), node.text())
            self.rest_from("a moment of peace", chance.uniform(0, LEASE))
            count += 1
        ledger.end()
        # The first connection said nothing for as long as the faults lasted: the server may have given it up.
        self.broker = Broker(self.server.url)
        self.addCleanup(self.broker.close)
        wait_until(lambda: self.broker.stream("BATON_TASKS")["state"]["messages"] == 0, "every task to be acknowledged", 120)
        self.assertEqual(ledger.differences(self.broker), [])
        print(f"{count} faults, {ledger.count} messages, {ledger.duplicates} of them sent twice, none lost, none done twice, "
              f"all in order and told what the log says: {dict(ledger.ends)}", file=sys.stderr)

    def baton(self, *arguments, code=0):
        done = subprocess.run([os.path.join(BIN, "baton"), "--nats", self.server.url, *arguments],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_partitions_are_shared_out_and_a_node_is_drained_by_name(self):
        first, second = self.node(), self.node()

        def owned():
            return {one["node"]: len(one["partitions"]) for one in map(json.loads, self.baton("--json", "nodes").splitlines())}
        wait_until(lambda: "ready: owns its partitions" in second.text(), "the second node to own its share")
        share = owned()
        self.assertEqual((sum(share.values()), len(share), min(share.values()) > 5), (32, 2, True))
        names = {node: name for node in (first, second) for name in share if name in holder_names(node)}
        count = share[names[second]]

        def moved(node, before, after):
            """Partitions that its log says moved; those of one moment stand in one line."""
            found = re.findall(rf"{before}(?:partition \d+|(\d+) partitions \(.*\)){after}", node.text())
            return sum(int(many or 1) for many in found)
        self.assertEqual(moved(first, "", f" handed to node {names[second]}"), count, first.text())
        self.assertEqual(moved(second, "took over ", f" from node {names[first]}: "), count, second.text())
        self.assertIn(f"ready: owns its partitions, all {share[names[second]]}\n", second.text())
        self.broker.store("baton.task.slow", {"id": "t", "runner": "count", "input": "a line\n" * 40, "options": {"pause": 0.1}})
        wait_until(lambda: programs_of(first.data) or programs_of(second.data), "the turn to run")
        holder = first if programs_of(first.data) else second
        name, = [node for node, count in owned().items() if count and node in holder_names(holder)]
        self.assertIn("owns nothing any more", self.baton("drain", name))
        self.assertEqual(holder.process.wait(30), 0, holder.text())
        wait_until(lambda: self.broker.stream("BATON_TASKS")["state"]["messages"] == 0, "the turn to end")
        kinds = [event["kind"] for _, _, events in log_of(self.broker) for event in events]
        self.assertEqual((kinds[-1], kinds.count("run_yielded"), "execution_lost" in kinds), ("run_completed", 1, False))
        self.assertEqual(owned(), {node: 32 for node in owned()})
        self.baton("drain", "nobody-here", code=4)

    def test_the_timeline_of_a_run_tells_its_yield_and_its_dead_node(self):
        """It yields because of the soft limit, its node dies in the second slice, and the other one goes on."""
        first, second = (self.node(None, "--session.slice_soft_limit", "2s") for _ in range(2))
        wait_until(lambda: "ready: owns its partitions" in second.text(), "the second node to own its share")
        lines = 60
        self.broker.store("baton.task.story", {"id": "t", "runner": "count", "input": "a line\n" * lines, "options": {"pause": 0.1}})

        def story():
            shown = subprocess.run([os.path.join(BIN, "baton"), "--nats", self.server.url, "--json", "show", "story"],
                                   capture_output=True, text=True, timeout=120)
            return json.loads(shown.stdout)["timeline"] if shown.returncode == 0 else None

        wait_until(lambda: (told := story()) and told["yields"] and told["slices"] > 1 and "status" not in told, "a slice after the yield")
        holder = first if programs_of(first.data) else second
        holder.kill()
        told = wait_until(lambda: (told := story()) and "status" in told and told, "the run to end", 120)
        kinds = [step["kind"] for step in told["steps"]]
        self.assertEqual((told["run"], told["status"], told["takeovers"], told["nodes"]), ("t", "completed", 1, 2))
        self.assertEqual(kinds[-1], "run_completed")
        taken = told["steps"][kinds.index("session_taken")]
        before = told["steps"][kinds.index("session_taken") - 1]
        self.assertNotEqual((taken["node"], taken["epoch"]), (before["node"], before["epoch"]))
        self.assertGreater(taken["at_ms"] - before.get("until_ms", before["at_ms"]), LEASE * 500)
        times = [step["at_ms"] for step in told["steps"]]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(told["checkpoints"], lines)
        self.assertLess(len(kinds), lines)
        shown = self.baton("show", "story", "--run", "t")
        self.assertRegex(shown, r"(?m)^run t of runner count: completed after .*2 nodes.* 1 take-over$")
        self.assertRegex(shown, r"(?m)^ +\+\d.* slice 1 yields +commit \d+, the slice ran for")
        self.assertRegex(shown, rf"(?m)^ +\+\d.* taken over +commit \d+, epoch {taken['epoch']} of {taken['node']}, 1 failed attempt")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
