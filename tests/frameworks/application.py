"""Applications of frameworks: worker processes as operators start them, and a ledger of what they have really done."""

import collections
import os
import signal
import subprocess
import sys
import tempfile

from harness import REPOSITORY, ServerTest
from server import end_group

HERE = os.path.dirname(os.path.abspath(__file__))
APPS = os.path.join(HERE, "apps")
PATIENCE_SECONDS = 300


class ApplicationTest(ServerTest):
    """A test whose jobs are done by processes of their own, which write down each execution."""

    # What the programs of an application find in their environment besides the server and the ledger.
    settings = {}

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.ledger = os.path.join(self.directory.name, "ledger")
        self.url = f"redis://{self.server.address}/0"
        self.environment = dict(
            os.environ, PYTHONPATH=APPS, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1",
            SERVER_HOST=self.server.host, SERVER_PORT=str(self.server.port), SERVER_URL=self.url,
            # redis-py sends again what is not answered within 5 seconds, which doubles jobs on a slow machine.
            PATIENT_URL=f"{self.url}?socket_timeout={PATIENCE_SECONDS}", LEDGER=self.ledger,
            **self.settings)
        self.logs = []

    def start(self, *command, **environment):
        """Starts a program in the background; it ends with the test."""
        path = os.path.join(self.directory.name, f"{len(self.logs)}.log")
        self.logs.append(path)
        with open(path, "wb") as log:
            process = subprocess.Popen(
                [str(word) for word in command], env=self.environment | environment, cwd=self.directory.name,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(end_group, process, 0)
        return process

    def start_module(self, module, *words, **environment):
        """Starts a module of this Python environment."""
        return self.start(sys.executable, "-m", module, *words, **environment)

    def start_program(self, name, *words, **environment):
        """Starts a program of this Python environment."""
        return self.start(os.path.join(os.path.dirname(sys.executable), name), *words, **environment)

    def kill(self, process):
        """Ends a program and its children as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def produce(self, app, function, *words):
        """Calls a function of an application in a process of its own, as a producer would; returns what it printed."""
        code = f"import sys, {app}; {app}.{function}(*sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words)], env=self.environment, cwd=self.directory.name,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}\n{self.told()}")
        return done.stdout.strip()

    def executions(self):
        """What has been executed so far, in the order of writing."""
        try:
            with open(self.ledger, encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_executed(self, count, seconds=PATIENCE_SECONDS):
        """Waits until so many executions are in the ledger; returns them."""
        self.wait_until(lambda: len(self.executions()) >= count, seconds, lambda: (
            f"{len(self.executions())} of {count} executions\n{self.told()}"))
        return self.executions()

    def assert_once(self, expected):
        """Waits for the executions that are expected, and that there is none besides them."""
        expected = [str(entry) for entry in expected]
        executed = self.wait_executed(len(expected))
        surplus = collections.Counter(executed) - collections.Counter(expected)
        missing = collections.Counter(expected) - collections.Counter(executed)
        self.assertEqual((dict(surplus), dict(missing)), ({}, {}), self.told())

    def told(self):
        """The ends of what the programs have written."""
        parts = []
        for path in self.logs:
            with open(path, encoding="utf-8", errors="replace") as log:
                parts.append(f"-- {os.path.basename(path)}\n{''.join(log.readlines()[-40:])}")
        return "\n".join(parts)


class NodeTest(ApplicationTest):
    """Scenarios in a program of Node that prints a line for each, `ok NAME` or `FAIL NAME: why`."""

    def node(self, program, *words, scenarios):
        """Runs a program against the server; so many scenarios must be well."""
        script, packages = self.node_program(program)
        run = subprocess.run(
            ["node", script, str(self.server.port), *words], env=self.environment | {"NODE_PATH": packages},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
        lines = run.stdout.splitlines()
        self.assertEqual([line for line in lines if not line.startswith("ok ")], [])
        self.assertEqual(len(lines), scenarios, run.stdout)

    def node_program(self, program):
        """The path of a program and that of the packages it needs."""
        folder = os.path.join(HERE, "node")
        packages = subprocess.run(
            [os.path.join(REPOSITORY, "scripts", "node-env"), "node", folder], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
        return os.path.join(folder, program), packages
