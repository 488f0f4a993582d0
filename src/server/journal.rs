//! The log: lines as Valkey writes them, `PID:M dd Mon yyyy hh:mm:ss.mmm * text`.
//!
//! Owns the line's form and where it goes. It must not know what is told.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::{Config, LogLevel};
use crate::rt::clock::{LocalTime, local_time};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

struct Journal {
    pid: u32,
    file: Option<Mutex<File>>,
}

/// Begins to log; fails when the log file cannot be written.
pub fn start(config: &Config) -> io::Result<()> {
    let file = match config.logfile.as_str() {
        "" => None,
        path => Some(Mutex::new(File::options().append(true).create(true).open(path)?)),
    };
    let journal = Journal {
        pid: std::process::id(),
        file,
    };
    // It fails when there is a log already: then the first configuration holds.
    if log::set_logger(Box::leak(Box::new(journal))).is_ok() {
        log::set_max_level(filter(config.loglevel));
    }
    Ok(())
}

/// What is logged at a level of the configuration.
pub fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::Trace,
        LogLevel::Verbose => LevelFilter::Debug,
        LogLevel::Notice => LevelFilter::Info,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Nothing => LevelFilter::Off,
    }
}

fn mark(level: Level) -> char {
    match level {
        Level::Error | Level::Warn => '#',
        Level::Info => '*',
        Level::Debug => '-',
        Level::Trace => '.',
    }
}

fn line(pid: u32, time: LocalTime, level: Level, text: &str) -> String {
    format!(
        "{pid}:M {:02} {} {} {:02}:{:02}:{:02}.{:03} {} {text}\n",
        time.day,
        MONTHS[time.month],
        time.year,
        time.hour,
        time.minute,
        time.second,
        time.millisecond,
        mark(level),
    )
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries tell their own story, which is not the operator's.
        metadata.target().starts_with("corelane") || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(self.pid, local_time(), record.level(), &record.args().to_string());
        // A log that cannot be written must not stop the server.
        let _lost = match &self.file {
            Some(file) => match file.lock() {
                Ok(mut file) => file.write_all(line.as_bytes()),
                Err(_) => Ok(()),
            },
            None => io::stdout().lock().write_all(line.as_bytes()),
        };
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_valkeys() {
        let time = LocalTime {
            year: 2026,
            month: 10,
            day: 3,
            hour: 5,
            minute: 9,
            second: 48,
            millisecond: 7,
        };
        assert_eq!(
            line(42, time, Level::Info, "Server initialized"),
            "42:M 03 Nov 2026 05:09:48.007 * Server initialized\n"
        );
        assert_eq!(line(1, time, Level::Error, "x").chars().nth(29), Some('#'));
    }

    #[test]
    fn each_level_lets_the_graver_ones_through() {
        assert!(filter(LogLevel::Notice) >= Level::Warn);
        assert!(filter(LogLevel::Notice) < Level::Debug);
        assert!(filter(LogLevel::Debug) >= Level::Trace);
        assert_eq!(filter(LogLevel::Nothing), LevelFilter::Off);
    }
}
