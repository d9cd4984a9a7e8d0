"""A tree of a few files in a temporary folder, for the tests of the checks."""

import tempfile
import unittest
from pathlib import Path


class SmallTree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path, text=""):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")

    def write_all(self, files):
        for path, text in files.items():
            self.write(path, text)

    def found(self, findings):
        """`path:line: rule` of each finding, sorted."""
        return [f"{f.path}:{f.line}: {f.rule}" for f in sorted(set(findings))]
