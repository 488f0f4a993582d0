//! The command line: what is asked for, checked, with a message for what makes no sense.
//!
//! Owns the option names and their defaults; must not know how a run is carried out.

use std::path::PathBuf;
use std::time::Duration;

/// What `--help` prints.
pub const USAGE: &str = "\
corelane-bench: a saturating load generator for RESP servers

usage: corelane-bench [options] [command arguments ...]        (a lone ';' argument separates several commands)

server      -h HOST (127.0.0.1)  -p PORT (6379)  --unixsocket PATH  -a PASSWORD  --user NAME  --db N  -3 (RESP3)
            --pid PID|auto       measure this server process: CPU per operation, memory (auto asks INFO)
load        -c CONNECTIONS (50)  -P PIPELINE (1)  --threads N (1)
            -n TOTAL | --seconds S (3)   --warmup S (1 with --seconds, else 0)
            -r KEYSPACE (100000) -d VALUE_BYTES (64)  --queues N (one per connection)  --seed N  --sequence-start N
            -t NAME,NAME         named tests; --list shows them
            --preload N          elements or keys stored before a named test that needs them
            --wake-after N       replies' arrivals to collect before the client wakes (default: a part of the connections)
            --stalls             report the longest stalls, with what the server computed meanwhile (needs --pid)
placeholders in a command: {key} random key  {rand} 12 random digits  {int} random integer  {seq} sequence number
            {turn} how often the connection has begun its commands, from 1 on
            {value} VALUE_BYTES bytes  {queue} the connection's own queue  {conn} the connection's number
modes       --handoff PAIRS      push sent -> reply of a consumer blocked in BRPOP
                                 --rate PER_SECOND (1000)  --watch-keys K (1)  --settle-us N (500)  --spin
            --insert N           N distinct keys; one connection at pipeline 1 looks for the longest stall
                                 (the other connections fill at -P)
            --idle-connections N memory of the server per idle connection (needs --pid)
output      --json               one line of JSON per result
";

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Print the usage.
    Help,
    /// Print the named tests.
    List,
    /// Named tests, one after the other.
    Named(Vec<String>),
    /// The given commands, in turn.
    Commands(Vec<Vec<String>>),
    /// Blocked consumers woken by pushes.
    Handoff,
    /// Distinct-key inserts, looking for stalls.
    Insert(u64),
    /// Idle connections' memory.
    Idle(usize),
}

/// Which server process is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// None.
    No,
    /// The one that INFO names.
    Auto,
    /// This one.
    Pid(u32),
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// This many operations.
    Operations(u64),
    /// This long, after the warm-up.
    Time(Duration),
}

/// Everything the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    pub mode: Mode,
    pub host: String,
    pub port: u16,
    pub unix_socket: Option<PathBuf>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: u32,
    pub resp3: bool,
    pub measured: Measured,
    pub connections: usize,
    pub pipeline: usize,
    pub threads: usize,
    pub extent: Extent,
    pub warmup: Duration,
    pub keyspace: u64,
    pub value_bytes: usize,
    pub queues: Option<usize>,
    pub seed: u64,
    pub sequence_start: u64,
    pub preload: Option<u64>,
    pub wake_after: Option<usize>,
    pub pairs: usize,
    pub rate: f64,
    pub watch_keys: usize,
    pub settle: Duration,
    pub spin: bool,
    pub stalls: bool,
    pub json: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            mode: Mode::Help,
            host: "127.0.0.1".to_owned(),
            port: 6379,
            unix_socket: None,
            user: None,
            password: None,
            database: 0,
            resp3: false,
            measured: Measured::No,
            connections: 50,
            pipeline: 1,
            threads: 1,
            extent: Extent::Time(Duration::from_secs(3)),
            warmup: Duration::ZERO,
            keyspace: 100_000,
            value_bytes: 64,
            queues: None,
            seed: 1,
            sequence_start: 0,
            preload: None,
            wake_after: None,
            pairs: 0,
            rate: 1000.0,
            watch_keys: 1,
            settle: Duration::from_micros(500),
            spin: false,
            stalls: false,
            json: false,
        }
    }
}

/// Reads the command line (without the program's name).
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
    let mut parser = Parser {
        arguments: arguments.into_iter(),
        options: Options::default(),
        warmup: None,
    };
    let mut command = Vec::new();
    while let Some(argument) = parser.arguments.next() {
        if argument == "--" || !argument.starts_with('-') {
            command.extend((argument != "--").then_some(argument));
            command.extend(parser.arguments.by_ref());
        } else {
            parser.option(&argument)?;
        }
    }
    let mut options = parser.options;
    if !command.is_empty() {
        if options.mode != Mode::Help {
            return Err(format!(
                "'{}': give either a command or a mode, not both",
                command.join(" ")
            ));
        }
        let commands: Vec<Vec<String>> = command
            .split(|argument| argument == ";")
            .map(<[String]>::to_vec)
            .collect();
        if commands.iter().any(Vec::is_empty) {
            return Err("an empty command beside ';'".to_owned());
        }
        options.mode = Mode::Commands(commands);
    }
    let default_warmup = if matches!(options.extent, Extent::Time(_)) {
        1.0
    } else {
        0.0
    };
    options.warmup = Duration::from_secs_f64(parser.warmup.unwrap_or(default_warmup));
    check(&options)?;
    Ok(options)
}

fn check(options: &Options) -> Result<(), String> {
    let positive = [
        ("-c", options.connections),
        ("-P", options.pipeline),
        ("--threads", options.threads),
    ];
    for (name, value) in positive.into_iter().chain([("--watch-keys", options.watch_keys)]) {
        if value == 0 {
            return Err(format!("{name} must be at least 1"));
        }
    }
    if options.threads > options.connections {
        return Err("--threads must not exceed the connections".to_owned());
    }
    if !(options.rate > 0.0 && options.rate.is_finite()) {
        return Err("--rate must be above 0".to_owned());
    }
    if options.mode == Mode::Handoff && options.pairs == 0 {
        return Err("--handoff needs at least 1 pair".to_owned());
    }
    Ok(())
}

struct Parser<I> {
    arguments: I,
    options: Options,
    warmup: Option<f64>,
}

impl<I: Iterator<Item = String>> Parser<I> {
    fn option(&mut self, name: &str) -> Result<(), String> {
        match name {
            "-h" => self.options.host = self.text(name)?,
            "-p" => self.options.port = self.number(name)?,
            "--unixsocket" => self.options.unix_socket = Some(self.text(name)?.into()),
            "-a" => self.options.password = Some(self.text(name)?),
            "--user" => self.options.user = Some(self.text(name)?),
            "--db" => self.options.database = self.number(name)?,
            "-3" => self.options.resp3 = true,
            "--pid" => self.options.measured = self.measured(name)?,
            "--json" => self.options.json = true,
            "--help" => self.options.mode = Mode::Help,
            "--list" => self.options.mode = Mode::List,
            "-t" => self.options.mode = Mode::Named(self.text(name)?.split(',').map(str::to_owned).collect()),
            _ => return self.load_option(name),
        }
        Ok(())
    }

    fn load_option(&mut self, name: &str) -> Result<(), String> {
        match name {
            "-c" => self.options.connections = self.number(name)?,
            "-P" => self.options.pipeline = self.number(name)?,
            "--threads" => self.options.threads = self.number(name)?,
            "-n" => self.options.extent = Extent::Operations(self.number(name)?),
            "--seconds" => self.options.extent = Extent::Time(Duration::from_secs_f64(self.seconds(name)?)),
            "--warmup" => self.warmup = Some(self.seconds(name)?),
            "-r" => self.options.keyspace = self.number(name)?,
            "-d" => self.options.value_bytes = self.number(name)?,
            "--queues" => self.options.queues = Some(self.number(name)?),
            "--seed" => self.options.seed = self.number(name)?,
            "--sequence-start" => self.options.sequence_start = self.number(name)?,
            "--preload" => self.options.preload = Some(self.number(name)?),
            "--wake-after" => self.options.wake_after = Some(self.number(name)?),
            _ => return self.mode_option(name),
        }
        Ok(())
    }

    fn mode_option(&mut self, name: &str) -> Result<(), String> {
        match name {
            "--handoff" => {
                self.options.pairs = self.number(name)?;
                self.options.mode = Mode::Handoff;
            }
            "--rate" => self.options.rate = self.number(name)?,
            "--watch-keys" => self.options.watch_keys = self.number(name)?,
            "--settle-us" => self.options.settle = Duration::from_micros(self.number(name)?),
            "--spin" => self.options.spin = true,
            "--stalls" => self.options.stalls = true,
            "--insert" => self.options.mode = Mode::Insert(self.number(name)?),
            "--idle-connections" => self.options.mode = Mode::Idle(self.number(name)?),
            _ => return Err(format!("unknown option '{name}'; see --help")),
        }
        Ok(())
    }

    fn measured(&mut self, name: &str) -> Result<Measured, String> {
        let text = self.text(name)?;
        if text == "auto" {
            return Ok(Measured::Auto);
        }
        text.parse()
            .map(Measured::Pid)
            .map_err(|_| format!("{name}: '{text}' is neither a process id nor 'auto'"))
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        self.arguments.next().ok_or_else(|| format!("{name} needs a value"))
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("{name}: '{text}' is not a number that fits"))
    }

    fn seconds(&mut self, name: &str) -> Result<f64, String> {
        let seconds: f64 = self.number(name)?;
        if (0.0..=86_400.0).contains(&seconds) {
            Ok(seconds)
        } else {
            Err(format!("{name}: {seconds} is not between 0 and 86400"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_ends_the_options_and_a_lone_semicolon_separates_commands() {
        let options = parsed("-P 16 -c 2 LPUSH q -3 ; RPOP q").expect("valid");
        let commands = [vec!["LPUSH", "q", "-3"], vec!["RPOP", "q"]];
        assert_eq!(
            options.mode,
            Mode::Commands(
                commands
                    .map(|command| command.into_iter().map(str::to_owned).collect())
                    .to_vec()
            )
        );
        assert_eq!((options.pipeline, options.connections, options.resp3), (16, 2, false));
    }

    #[test]
    fn a_run_in_time_warms_up_and_a_counted_run_does_not() {
        assert_eq!(
            parsed("-t set --seconds 2").expect("valid").warmup,
            Duration::from_secs(1)
        );
        assert_eq!(parsed("-t set -n 10").expect("valid").warmup, Duration::ZERO);
        assert_eq!(
            parsed("-t set -n 10 --warmup 0.5").expect("valid").warmup,
            Duration::from_millis(500)
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_name_of_the_option() {
        for (line, part) in [
            ("-P x PING", "-P"),
            ("-c 0 PING", "-c"),
            ("--pid me PING", "--pid"),
            ("--seconds -1 PING", "--seconds"),
            ("--frobnicate", "--frobnicate"),
            ("-n", "-n"),
            ("-t set PING", "PING"),
            ("PING ;", ";"),
            ("--handoff 0", "--handoff"),
            ("--rate 0 --handoff 1", "--rate"),
            ("--threads 9 -c 3 PING", "--threads"),
        ] {
            let message = parsed(line).expect_err(line);
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
