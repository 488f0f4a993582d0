"""BullMQ from npm, unmodified, with its plain queue names: its scripts must find all their keys on the shard of their queue."""

import os
import subprocess

import redis

from harness import REPOSITORY, ServerTest

HERE = os.path.join(REPOSITORY, "tests", "frameworks", "bullmq")


class BullMq(ServerTest):
    def setUp(self):
        super().setUp()
        try:
            self.client.eval("return redis.call('XLEN', 'stream') + #cmsgpack.pack(1)", 0)
        except redis.ResponseError as error:
            self.skipTest(f"it needs streams and cmsgpack: {error}")

    def test_scenarios_of_queues_and_flows(self):
        packages = subprocess.run(
            [os.path.join(REPOSITORY, "scripts", "node-env"), "bullmq", HERE], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
        before = self.client.info("corelane")
        run = subprocess.run(
            ["node", os.path.join(HERE, "scenarios.js"), str(self.server.port)],
            env={**os.environ, "NODE_PATH": packages},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        lines = run.stdout.splitlines()
        self.assertEqual([line for line in lines if not line.startswith("ok ")], [])
        self.assertEqual(len(lines), 10, run.stdout)
        if "corelane_shards" not in before:
            return
        after = self.client.info("corelane")
        ran = {kind: after[f"corelane_scripts_{kind}"] - before[f"corelane_scripts_{kind}"] for kind in ("local", "lent", "whole")}
        # A flow spans queues, and its parent is told of its children; everything else stays on one shard.
        self.assertGreater(ran["local"], 500, ran)
        self.assertLess(ran["lent"] + ran["whole"], ran["local"] / 20, ran)
