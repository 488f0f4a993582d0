"""Queues and clients of Node, unmodified: BullMQ, Bull, Bee-Queue, ioredis, node-redis."""

from application import NodeTest
from harness import long


class BullMq(NodeTest):
    """With its plain queue names: its scripts must find all their keys on the shard of their queue."""

    def test_scenarios_of_queues_and_flows(self):
        before = self.client.info("corelane")
        self.node("bullmq.js", scenarios=13)
        if "corelane_shards" not in before:
            return
        after = self.client.info("corelane")
        ran = {kind: after[f"corelane_scripts_{kind}"] - before[f"corelane_scripts_{kind}"] for kind in ("local", "lent", "whole")}
        # A flow spans queues, and its parent is told of its children; everything else stays on one shard.
        self.assertGreater(ran["local"], 500, ran)
        self.assertLess(ran["lent"] + ran["whole"], ran["local"] / 20, ran)

    @long
    def test_jobs_of_a_killed_worker_are_done_by_another(self):
        script, packages = self.node_program("bullmq_worker.js")
        worker = lambda hold: self.start("node", script, str(self.server.port), hold, NODE_PATH=packages)
        doomed = worker("hold")
        self.node("bullmq_producer.js", "40", scenarios=1)
        self.wait_executed(5)
        self.kill(doomed)
        begun = self.executions()
        worker("go")
        # A job whose lock has run out is stalled and delivered again, as BullMQ documents.
        self.assert_once([f"job:{number}" for number in range(40)] + begun)
        self.wait_until(lambda: self.client.zcard("bull:mail:completed") == 40, 60, self.told)
        self.assertEqual(self.client.exists("bull:mail:wait", "bull:mail:active"), 0)


class Others(NodeTest):
    def test_bull(self):
        self.node("bull.js", scenarios=7)

    def test_bee_queue(self):
        self.node("bee_queue.js", scenarios=5)

    def test_ioredis(self):
        self.node("ioredis.js", scenarios=9)

    def test_node_redis(self):
        self.node("node_redis.js", scenarios=9)
