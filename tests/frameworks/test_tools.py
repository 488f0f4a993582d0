"""redis-cli and redis-benchmark as users call them."""

import re
import socket
import subprocess

from harness import ServerTest
from server import Server


class Tools(ServerTest):
    """The programs of redis-tools."""

    def cli(self, *words, stdin=None, seconds=30):
        """What redis-cli prints."""
        command = ["redis-cli", "-p", str(self.server.port), *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_cli_talks(self):
        self.assertEqual(self.cli("ping"), "PONG")
        self.assertEqual(self.cli("set", "k", "v"), "OK")
        self.assertEqual(self.cli("get", "k"), "v")
        self.assertEqual(self.cli("-3", "get", "k"), "v")
        self.assertEqual(self.cli("--no-raw", "get", "none"), "(nil)")
        self.assertEqual(self.cli("-n", "2", "dbsize"), "0")
        self.assertRegex(self.cli("nosuch"), "ERR unknown command")

    def test_cli_reads_commands(self):
        lines = "".join(f"rpush list {number}\n" for number in range(100)) + "llen list\n"
        self.assertEqual(self.cli(stdin=lines).splitlines()[-1], "100")

    def test_cli_repeats(self):
        self.assertEqual(self.cli("-r", "5", "incr", "n").split(), ["1", "2", "3", "4", "5"])

    def test_cli_scans(self):
        self.client.mset({f"key:{number}": number for number in range(500)})
        found = self.cli("--scan", "--pattern", "key:*").split()
        self.assertEqual(set(found), {f"key:{number}" for number in range(500)})

    def test_cli_mass_insertion(self):
        packed = "".join(
            f"*3\r\n$3\r\nSET\r\n${len(f'mass:{n}')}\r\nmass:{n}\r\n$1\r\nx\r\n" for n in range(20_000)
        )
        self.assertIn("errors: 0, replies: 20000", self.cli("--pipe", stdin=packed))
        self.assertEqual(self.client.dbsize(), 20_000)

    def test_cli_info(self):
        self.assertRegex(self.cli("info", "server"), r"redis_version:\d+\.\d+")
        self.assertRegex(self.cli("info"), r"connected_clients:\d+")

    def test_cli_blocks(self):
        waiting = self.in_background(self.cli, "blpop", "later", "10")
        self.wait_blocked(1)
        self.client.rpush("later", "now")
        self.assertEqual(waiting().split(), ["later", "now"])

    def test_inline_commands(self):
        with socket.create_connection((self.server.host, self.server.port), timeout=10) as plain:
            plain.sendall(b"PING\r\nSET inline \"a b\"\r\n\r\nGET inline\r\nQUIT\r\n")
            received = b""
            while chunk := plain.recv(4096):
                received += chunk
        self.assertEqual(received, b"+PONG\r\n+OK\r\n$3\r\na b\r\n+OK\r\n")

    def test_a_protocol_error_ends_the_connection(self):
        with socket.create_connection((self.server.host, self.server.port), timeout=10) as plain:
            plain.sendall(b"*1\r\n$x\r\n")
            received = b""
            while chunk := plain.recv(4096):
                received += chunk
        self.assertEqual(received, b"-ERR Protocol error: invalid bulk length\r\n")

    def test_unix_socket(self):
        path = f"{self.server.directory}/unix.sock"
        second = Server(self.binary, self.shards, "--unixsocket", path, "--unixsocketperm", "700")
        self.addCleanup(second.stop)
        command = ["redis-cli", "-s", path, "set", "over", "unix"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        self.assertEqual(done.stdout.strip(), "OK")
        self.assertEqual(second.client().get("over"), "unix")

    def benchmark(self, *words):
        """What redis-benchmark measured, test -> requests per second."""
        command = ["redis-benchmark", "-p", str(self.server.port), "-q", "--csv", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("rror", done.stdout)
        return {name: float(rate) for name, rate in re.findall(r'^"([^"]+)","([\d.]+)"', done.stdout, re.MULTILINE)}

    def test_benchmark_one_by_one(self):
        tests = "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,lrange_100,mset"
        rates = self.benchmark("-t", tests, "-n", "3000", "-c", "20", "-r", "10000")
        self.assertGreaterEqual(len(rates), 11)
        self.assertTrue(all(rate > 500 for rate in rates.values()), rates)

    def test_benchmark_in_pipelines(self):
        rates = self.benchmark("-t", "set,get,lpush,rpop", "-n", "40000", "-c", "50", "-P", "16", "-r", "100000")
        self.assertEqual(len(rates), 4, rates)
        self.assertEqual(self.client.llen("mylist"), 0)

    def test_benchmark_hash_and_sorted_set(self):
        rates = self.benchmark("-t", "sadd,hset,zadd", "-n", "3000", "-c", "20", "-P", "4", "-r", "1000")
        self.assertEqual(len(rates), 3, rates)
