#!/usr/bin/env python3
"""The measures of `bench` in small: that they count nothing lost and nothing twice, and that what they print can be read. Never
how fast anything was.

Arguments: the directory with the binaries, then unittest's own."""
import json
import os
import subprocess
import sys
import unittest

BIN = sys.argv[1]


class Smoke(unittest.TestCase):
    def bench(self, *arguments):
        done = subprocess.run([os.path.join(BIN, "bench"), *arguments, "--rounds", "1", "--json"],
                              capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual([told[count] for count in ("lost", "twice", "failed")], [0, 0, 0], told)
        return told

    def test_failover(self):
        told = self.bench("failover", "--turns", "20", "--lease", "1s")
        self.assertEqual(told["not_going"], 0)
        self.assertTrue(0 < told["cut_off"] <= 20, told)
        self.assertLessEqual(told["taken"]["last_s"], told["going"]["last_s"])

    def test_hot_key(self):
        told = self.bench("hot-key", "--queued", "200", "--others", "20")
        self.assertEqual(told["disordered"], 0)
        self.assertTrue(0 < told["with"]["p50_us"] <= told["with"]["p99_us"] <= told["with"]["longest_us"], told)

    def test_rebalance(self):
        told = self.bench("rebalance", "--lease", "1s", "--quiet", "200ms", "--per-second", "160", "--sessions", "64")
        self.assertEqual((told["disordered"], told["drained_well"]), (0, 1))
        self.assertEqual(len(told["phases"]), 4)
        self.assertTrue(all(phase["longest_gap_s"] >= phase["median_gap_s"] > 0 for phase in told["phases"]), told)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
