"""A primary that says what a test wants it to say."""

import socket
import threading

from wire import encoded

# An RDB file of version 3, which ends without a checksum.
EMPTY = b"REDIS0003\xff"


class PretendedPrimary:
    """Takes one replica at a time through the handshake; what follows is the test's business."""

    def __init__(self, offset=100):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.offset = offset
        self.asked = []
        self.socket = self.reader = None

    def greet(self, data=EMPTY, length=None):
        """Waits for a replica, and sends it all or a part of the data."""
        self.accept()
        self.send(f"${len(data) if length is None else length}\r\n".encode() + data)

    def accept(self, answer=None):
        """Waits for a replica and answers its requests up to PSYNC."""
        self.listener.settimeout(60)
        self.socket, _ = self.listener.accept()
        self.socket.settimeout(60)
        self.reader = self.socket.makefile("rb")
        while (words := self.request())[0] != "PSYNC":
            self.send(b"+PONG\r\n" if words[0] == "PING" else b"+OK\r\n")
        self.asked.append(words)
        self.send(answer or b"+FULLRESYNC " + b"a" * 40 + f" {self.offset}\r\n".encode())

    def request(self):
        """The next request of the replica; the empty lines by which it says that it is there are passed over."""
        while not (line := self.reader.readline()).startswith(b"*"):
            if not line:
                raise ConnectionError("the replica has gone")
        words = []
        for _ in range(int(line[1:])):
            length = int(self.reader.readline()[1:])
            words.append(self.reader.read(length + 2)[:-2].decode())
        return words

    def send(self, data):
        """Sends bytes."""
        self.socket.sendall(data)

    def run(self, *requests):
        """Sends commands, and waits until the replica says that it has applied them."""
        stream = b"".join(encoded(request) for request in requests)
        self.offset += len(stream)
        # What asks for an answer counts as well, but the answer tells of what is before it.
        question = encoded(("REPLCONF", "GETACK", "*"))
        self.send(stream + question)
        while int(self.request()[2]) < self.offset:
            pass
        self.offset += len(question)

    def hang_up(self):
        """Ends the connection to the replica."""
        if self.socket:
            self.reader.close()
            self.socket.close()
            self.socket = None

    def close(self):
        """Ends it all."""
        self.hang_up()
        self.listener.close()

    def in_background(self, function, *arguments):
        """Does something while the test goes on."""
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        return thread
