#!/usr/bin/env python3
"""What a broker may do to a running node besides going away: streams that vanish, credentials that end, limits that do not fit.
The node says what is the matter and ends, or does not start; it never goes on over what is not there any more.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import json
import os
import sys
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from broker import Broker  # noqa: E402
from node import Node, finals_of, log_of, wait_until  # noqa: E402
from server import Server  # noqa: E402

BROKEN = 70


class World(unittest.TestCase):
    def start(self, config="", server=""):
        self.server = self.enterContext(Server(server))
        self.node = self.enterContext(Node(BIN, config, ["--nats", self.server.url])).start()
        self.broker = Broker(self.server.url)
        self.addCleanup(self.broker.close)

    def api(self, verb, stream, request=b""):
        answer = json.loads(self.broker.request(f"$JS.API.STREAM.{verb}.{stream}", request)[2])
        self.assertNotIn("error", answer)
        return answer

    def run_turn(self, session, task):
        self.broker.store(f"baton.task.{session}", {"id": task, "runner": "echo", "input": task})
        wait_until(lambda: (task, "run_completed") in finals_of(log_of(self.broker)).get(session, []), f"{task} to end")

    def wait_broken(self, *said):
        self.assertEqual(self.node.process.wait(60), BROKEN, self.node.text())
        for text in said:
            self.assertIn(text, self.node.text())


class Streams(World):
    def test_node_ends_when_the_queue_is_removed(self):
        self.start()
        self.run_turn("s", "t1")
        self.api("DELETE", "BATON_TASKS")
        self.wait_broken("stream BATON_TASKS", "is gone")

    def test_node_ends_at_once_when_an_append_finds_no_log(self):
        self.start()
        self.run_turn("s", "t1")
        self.api("DELETE", "BATON_LOG")
        self.broker.store("baton.task.s", {"id": "t2", "runner": "echo", "input": ""})
        self.wait_broken("stream BATON_LOG", "is gone")
        self.assertEqual(self.broker.stream("BATON_TASKS")["state"]["messages"], 1, "what came meanwhile is still queued")

    def test_node_does_not_go_on_over_a_log_that_was_made_anew(self):
        self.start()
        self.run_turn("s", "t1")
        config = self.broker.stream("BATON_LOG")["config"]
        self.api("DELETE", "BATON_LOG")
        self.api("CREATE", "BATON_LOG", config)
        self.broker.store("baton.task.s", {"id": "t2", "runner": "echo", "input": ""})
        self.wait_broken("stream BATON_LOG", "was made anew")
        self.assertEqual(self.broker.stream("BATON_LOG")["state"]["messages"], 0, "nothing was written there")
        self.assertEqual(self.broker.stream("BATON_TASKS")["state"]["messages"], 1)

    def test_broker_that_comes_back_empty_ends_the_node(self):
        self.start()
        self.run_turn("s", "t1")
        self.server.kill()
        self.server.empty()
        self.server.start()
        self.wait_broken("is gone", "the broker is away", "the broker is back")


class Limits(World):
    def test_node_does_not_start_on_a_broker_that_takes_too_little(self):
        server = self.enterContext(Server("max_payload: 500000\n"))
        node = self.enterContext(Node(BIN, "", ["--nats", server.url])).start()
        self.assertEqual(node.process.wait(60), 1, node.text())
        self.assertIn("takes messages of at most 500000 bytes, but payload.size_max and session.record_bytes_max", node.text())

    def test_private_server_takes_what_the_options_allow_and_syncs_as_they_say(self):
        config = '[payload]\nsize_max = "2MiB"\n[broker]\nsync_interval = "always"\n'
        node = self.enterContext(Node(BIN, config)).start()
        with open(os.path.join(node.data, "nats", "server.conf")) as file:
            written = file.read()
        self.assertIn("sync_interval: always\n", written)
        self.assertIn(f"max_payload: {2 * 1024 * 1024 + 16 * 1024}\n", written)
        self.broker = node.broker()
        self.addCleanup(self.broker.close)
        self.broker.store("baton.task.s", {"id": "t", "runner": "echo", "input": "x" * 2_000_000})
        wait_until(lambda: finals_of(log_of(self.broker)) == {"s": [("t", "run_completed")]}, "the large turn to end")


class Credentials(World):
    def test_node_that_is_not_let_in_again_ends(self):
        users = "authorization {{ users = [ {{ user: baton, password: {} }} ] }}\n"
        self.start(server=users.format("first"))
        self.run_turn("s", "t1")
        self.server.kill()
        self.server.configure(users.format("second"))
        self.server.start()
        self.wait_broken("the broker is away", "does not let this node in any more")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
