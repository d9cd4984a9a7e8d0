#!/usr/bin/env python3
"""coverage.py finds each name of a test that is not there, and passes the others."""

import unittest

import coverage
from small_tree import SmallTree


class Coverage(SmallTree):
    def setUp(self):
        super().setUp()
        self.write_all({
            "tests/unit/lease_test.cpp": 'TEST_CASE("a lease runs out") {}\n',
            "tests/crash/nodes_test.py": "def test_one_dies(self):\n",
            "tests/scenarios/steer_at_once.txt": "",
            "ops/checks/layers.py": "",
        })

    def expect(self, page, text, *findings):
        self.write(page, text)
        self.assertEqual(self.found(coverage.check(self.root)), sorted(findings))

    def test_files_that_are_there_pass(self):
        self.expect("tests/COVERAGE.md", "| a | `unit/lease_test`, `crash/nodes_test.py`, `scenarios/*.txt`, `ops/checks/layers.py` |\n"
                                         "| b | `tests/unit`, `scenarios/{steer,st}*.txt`, `dead_letter.stored` |\n")

    def test_tests_that_are_there_pass(self):
        self.expect("tests/COVERAGE.md", "`unit/lease_test: a lease runs out`, `crash/nodes_test: test_one_dies`\n")

    def test_a_file_that_is_not_there_is_found(self):
        self.expect("tests/COVERAGE.md", "`unit/lease_test`\n`unit/leases_test`, `scenarios/{steer,merge}*.txt`, `nowhere/at_all`\n",
                    *["tests/COVERAGE.md:2: no file"] * 3)

    def test_a_test_that_is_not_there_is_found(self):
        self.expect("tests/COVERAGE.md", "`unit/lease_test: a lease never runs out`\n", "tests/COVERAGE.md:1: no test")

    def test_of_other_pages_only_what_lies_in_the_tests_counts(self):
        self.expect("README.md", "`build/debug/bin` `tests/unit/lease_test.cpp` `tests/unit/gone_test.cpp`\n", "README.md:1: no file")


if __name__ == "__main__":
    unittest.main()
