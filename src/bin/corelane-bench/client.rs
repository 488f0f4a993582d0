//! Connections before and beside the load: connecting, authenticating, filling the data set, asking INFO.
//!
//! Owns blocking sockets and their handshake; must not know about rings or measurements.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::options::Options;
use crate::scan::{Scanner, Tally};
use crate::template::{Draw, Template, request};

const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
const FILL_BATCH_COMMANDS: u64 = 128;
/// What is echoed after the commands of an opening.
const OPENED: &str = "opened";

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One blocking connection, authenticated and switched to the asked protocol and database.
pub struct Client {
    stream: Stream,
    scanner: Scanner,
}

impl Client {
    /// Connects and says what the options ask for before the first command.
    pub fn connect(options: &Options) -> io::Result<Self> {
        let stream = match &options.unix_socket {
            Some(path) => Stream::Unix(UnixStream::connect(path)?),
            None => {
                let stream = TcpStream::connect((options.host.as_str(), options.port))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        match &stream {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(REPLY_TIMEOUT))?,
            Stream::Unix(stream) => stream.set_read_timeout(Some(REPLY_TIMEOUT))?,
        }
        let mut client = Client {
            stream,
            scanner: Scanner::default(),
        };
        client.greet(options)?;
        Ok(client)
    }

    fn greet(&mut self, options: &Options) -> io::Result<()> {
        if let Some(password) = &options.password {
            let user = options.user.as_deref().unwrap_or("default");
            self.call(&["AUTH", user, password])?;
        }
        if options.resp3 {
            self.call(&["HELLO", "3"])?;
        }
        if options.database != 0 {
            self.call(&["SELECT", &options.database.to_string()])?;
        }
        Ok(())
    }

    /// Sends one command and returns the raw bytes of its reply; an error reply is an error.
    pub fn call(&mut self, arguments: &[&str]) -> io::Result<Vec<u8>> {
        self.write(&request(arguments))?;
        let mut reply = Vec::new();
        let tally = self.read_replies(1, Some(&mut reply))?;
        refuse_errors(&tally)?;
        Ok(reply)
    }

    /// Sends `count` commands in pipelined batches and waits for all replies; an error reply is an error.
    pub fn fill(&mut self, template: &Template, count: u64, draw: &mut Draw) -> io::Result<()> {
        let mut request = vec![0; template.bytes_max() * FILL_BATCH_COMMANDS as usize];
        let mut left = count;
        while left > 0 {
            let batch = left.min(FILL_BATCH_COMMANDS);
            let mut length = 0;
            for _ in 0..batch {
                length += template.render(&mut request[length..], draw);
            }
            self.write(&request[..length])?;
            refuse_errors(&self.read_replies(batch, None)?)?;
            left -= batch;
        }
        Ok(())
    }

    /// Sends commands whose replies do not matter unless they are errors; some of them (SUBSCRIBE) are answered by pushes only.
    pub fn open(&mut self, commands: &[Template]) -> io::Result<()> {
        let mut draw = Draw::new(0, 0);
        for command in commands {
            let mut request = vec![0; command.bytes_max()];
            let length = command.render(&mut request, &mut draw);
            self.write(&request[..length])?;
        }
        self.write(&request(&["ECHO", OPENED]))?;
        let last = format!("${}\r\n{OPENED}\r\n", OPENED.len());
        let (mut replies, mut tally) = (Vec::new(), Tally::default());
        while !replies.ends_with(last.as_bytes()) {
            tally.add(&self.read_replies(1, Some(&mut replies))?);
        }
        refuse_errors(&tally)
    }

    /// The process id that the server's INFO names.
    pub fn server_pid(&mut self) -> io::Result<u32> {
        let reply = self.call(&["INFO", "server"])?;
        let text = String::from_utf8_lossy(&reply);
        let pid = text
            .lines()
            .find_map(|line| line.trim_end().strip_prefix("process_id:"));
        pid.and_then(|pid| pid.parse().ok())
            .ok_or_else(|| io::Error::other("INFO server names no process_id; give --pid PID"))
    }

    /// Gives the socket away.
    pub fn into_socket(self) -> OwnedFd {
        match self.stream {
            Stream::Tcp(stream) => stream.into(),
            Stream::Unix(stream) => stream.into(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn read_replies(&mut self, count: u64, mut keep: Option<&mut Vec<u8>>) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut buffer = [0; 16_384];
        while tally.replies < count {
            let length = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(&mut buffer)?,
                Stream::Unix(stream) => stream.read(&mut buffer)?,
            };
            if length == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
            let bytes = &buffer[..length];
            self.scanner
                .feed(bytes, &mut tally)
                .map_err(|malformed| io::Error::other(malformed.to_string()))?;
            if let Some(keep) = keep.as_deref_mut() {
                keep.extend_from_slice(bytes);
            }
        }
        Ok(tally)
    }
}

fn refuse_errors(tally: &Tally) -> io::Result<()> {
    if tally.errors == 0 {
        Ok(())
    } else {
        Err(io::Error::other(format!("the server says: {}", tally.first_error)))
    }
}
