//! A server process for one test: started on free ports, looked into by /proc, killed at the end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    pub port: u16,
    /// A folder of its own, the server's working directory.
    pub dir: PathBuf,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub fn start(options: &[&str]) -> Server {
        Server::start_with(options, &[])
    }

    pub fn start_with(options: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut server = Server::launch(options, environment);
        server.wait_for_log("Ready to accept connections");
        server
    }

    /// Starts a server by another program, such as taskset.
    pub fn start_under(program: &[&str], options: &[&str]) -> Server {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(env!("CARGO_BIN_EXE_corelane"));
        let mut server = Server::spawn(command, options, &[]);
        server.wait_for_log("Ready to accept connections");
        server
    }

    /// Starts a server that may fail to start.
    pub fn launch(options: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::spawn(Command::new(env!("CARGO_BIN_EXE_corelane")), options, environment)
    }

    fn spawn(mut command: Command, options: &[&str], environment: &[(&str, &str)]) -> Server {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("corelane-process-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("the folder for temporary files is writable");
        let port = free_port();
        let log = fs::File::create(dir.join("log")).expect("the folder is writable");
        // A configuration file comes first.
        let (file, options) =
            options.split_at(usize::from(options.first().is_some_and(|word| !word.starts_with("--"))));
        let child = command
            .args(file)
            .args(["--port", &port.to_string()])
            .args(options)
            .envs(environment.iter().copied())
            .current_dir(&dir)
            .stdout(log.try_clone().expect("descriptors are left"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary was built with the test");
        Server { child, port, dir }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).expect("it was created at the start")
    }

    pub fn wait_for_log(&mut self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            let ended = self.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "the server ended:\n{}", self.log());
            assert!(start.elapsed() < PATIENCE, "no '{text}' in:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        // What is sent leaves at once, as with any client library.
        stream.set_nodelay(true).expect("it is a TCP socket");
        Client::new(stream)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status();
        assert!(status.expect("every host has kill").success());
    }

    /// Waits for the process to end.
    pub fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory, bytes.
    pub fn memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("every process has it");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse().ok())
            .expect("a number");
        kib * 1024
    }

    /// Processor time used so far, in hundredths of a second.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let after_name = stat.rsplit(')').next().expect("the name is in brackets");
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // Fields 14 and 15 of the line; the first two are cut off.
        [11, 12]
            .iter()
            .map(|&at: &usize| fields[at].parse::<u64>().expect("a number"))
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        let _left_over = fs::remove_dir_all(&self.dir);
    }
}

/// A port that nobody listens on. It is none of those that the kernel gives to clients, which may take it before the server does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 61 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (number % 17_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A connection that speaks lines.
pub struct Client<S> {
    reader: BufReader<S>,
}

impl<S: Read + Write> Client<S> {
    pub fn new(stream: S) -> Self {
        Client {
            reader: BufReader::new(stream),
        }
    }

    pub fn stream(&mut self) -> &mut S {
        self.reader.get_mut()
    }

    pub fn send(&mut self, text: &str) {
        self.stream().write_all(text.as_bytes()).expect("the server takes it");
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers in time");
        line.trim_end().to_owned()
    }

    /// The next line, unless it does not come in the time that the stream is given to read.
    pub fn line_in_time(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    }

    pub fn ask(&mut self, text: &str) -> String {
        self.send(&format!("{text}\r\n"));
        self.line()
    }

    /// As [`Client::ask`], when the answer is a bulk string.
    pub fn ask_bulk(&mut self, text: &str) -> String {
        let head = self.ask(text);
        let length = head.strip_prefix('$').and_then(|length| length.parse().ok());
        let bytes = self.read_exactly(length.unwrap_or_else(|| panic!("{text} answers {head}")));
        assert_eq!(self.line(), "");
        String::from_utf8(bytes).expect("it is text")
    }

    /// As [`Client::ask`]; none when the connection is broken off.
    pub fn ask_while_open(&mut self, text: &str) -> Option<String> {
        self.stream().write_all(format!("{text}\r\n").as_bytes()).ok()?;
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    }

    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("the server answers in time");
        bytes
    }

    pub fn is_at_end(&mut self) -> bool {
        let mut byte = [0];
        !matches!(self.reader.read(&mut byte), Ok(1))
    }
}
