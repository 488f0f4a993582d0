//! A measured run: connects, prepares the data, starts the threads, and takes the server's CPU time at both ends.
//!
//! Owns the order of these steps; must not know how the load is produced or how a result is printed.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::load::{Link, Load, Outcome, Phase, PhaseSwitch, Work, latency_histogram};
use crate::named::{Amount, Preparation, arguments};
use crate::options::{Extent, Measured, Options};
use crate::process::Process;
use crate::report::Report;
use crate::scan::Tally;
use crate::template::{Draw, Substitution, Template};

/// Elements stored before a test that pops for a given time and not a given number.
const PRELOAD_DEFAULT: u64 = 1_000_000;

/// The server process that the options ask to measure.
pub fn measured_process(options: &Options) -> io::Result<Option<Process>> {
    match options.measured {
        Measured::No => Ok(None),
        Measured::Pid(pid) => Ok(Some(Process::new(pid))),
        Measured::Auto => Ok(Some(Process::new(Client::connect(options)?.server_pid()?))),
    }
}

/// What the placeholders stand for on the connection with this number.
pub fn substitution(options: &Options, connection: usize) -> Substitution {
    let queue = connection % options.queues.unwrap_or(usize::MAX).max(1);
    Substitution {
        keyspace: options.keyspace,
        value: "x".repeat(options.value_bytes),
        queue: format!("queue:{queue}"),
        connection: connection.to_string(),
    }
}

/// Stores what a named test needs.
pub fn prepare(options: &Options, preparation: &Preparation) -> io::Result<()> {
    let count = options.preload.unwrap_or(match (preparation.amount, options.extent) {
        (Amount::Exactly(count), _) => count,
        (Amount::Keyspace, _) => options.keyspace,
        (Amount::Operations, Extent::Operations(count)) => count,
        (Amount::Operations, Extent::Time(_)) => PRELOAD_DEFAULT,
    });
    let mut client = Client::connect(options)?;
    if let Some(key) = preparation.reset {
        client.call(&["DEL", key])?;
    }
    let template = compile(&arguments(preparation.command), &substitution(options, 0))?;
    client.fill(&template, count, &mut Draw::new(options.seed, 0))
}

/// What every connection sends: once before the load, and then in turn.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    pub opening: &'a [Vec<String>],
    pub commands: &'a [Vec<String>],
}

/// Loads the server with the commands and measures.
pub fn measure(options: &Options, name: &str, script: Script<'_>, server: Option<&Process>) -> io::Result<Report> {
    let mut works = works(options, script)?;
    if options.stalls {
        watch(&mut works, server);
    }
    measure_works(options, name, works, server)
}

/// Has every observed batch and reply read the server's clock, so that stalls are told from a busy machine.
pub fn watch(works: &mut [Work], server: Option<&Process>) {
    for work in works {
        work.watched = server.map(Process::clock);
        // Gathering arrivals would delay what is observed.
        work.wake_after = Some(1);
    }
}

/// Runs the given work, one thread each, and measures.
pub fn measure_works(options: &Options, name: &str, works: Vec<Work>, server: Option<&Process>) -> io::Result<Report> {
    let threads = works.len();
    let clocks = |server: Option<&Process>| -> io::Result<(Option<u64>, u64)> {
        Ok((server.map(Process::cpu_ns).transpose()?, Process::own().cpu_ns()?))
    };
    let warm_up = !options.warmup.is_zero();
    let phase = PhaseSwitch::new(if warm_up { Phase::WarmUp } else { Phase::Measure });
    let mut before = clocks(server)?;
    let (outcomes, finished) = start(works, &phase);
    let mut done = Vec::new();
    if warm_up {
        collect(&outcomes, &mut done, threads, Some(options.warmup))?;
        if !done.is_empty() {
            return Err(io::Error::other(
                "all operations were done within the warm-up: raise -n or lower --warmup",
            ));
        }
        before = clocks(server)?;
        phase.set(Phase::Measure);
    }
    let limit = if let Extent::Time(limit) = options.extent {
        Some(limit)
    } else {
        None
    };
    collect(&outcomes, &mut done, threads, limit)?;
    let after = clocks(server)?;
    phase.set(Phase::Stop);
    collect(&outcomes, &mut done, threads, None)?;
    finished.wait();

    let (start, end) = done.iter().fold(done[0].interval, |(start, end), outcome| {
        (start.min(outcome.interval.0), end.max(outcome.interval.1))
    });
    let mut report = Report {
        test: name.to_owned(),
        connections: options.connections,
        pipeline: options.pipeline,
        threads,
        value_bytes: options.value_bytes,
        keyspace: options.keyspace,
        operations: 0,
        elapsed: end.duration_since(start),
        server_cpu_ns: after
            .0
            .zip(before.0)
            .map(|(after, before)| after.saturating_sub(before)),
        client_cpu_ns: after.1.saturating_sub(before.1),
        latency: latency_histogram(),
        tally: Tally::default(),
        stalls: Vec::new(),
        shows_stalls: options.stalls,
    };
    for outcome in &done {
        report.operations += outcome.measured;
        report.tally.add(&outcome.tally);
        report.stalls.extend_from_slice(&outcome.stalls);
        report
            .latency
            .add(&outcome.latency)
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    report.stalls.sort_by_key(|stall| std::cmp::Reverse(stall.blame_ns()));
    Ok(report)
}

/// Connects all connections and deals them, their commands and the operations out to the threads.
pub fn works(options: &Options, script: Script<'_>) -> io::Result<Vec<Work>> {
    let total = if let Extent::Operations(count) = options.extent {
        Some(count)
    } else {
        None
    };
    let threads = options.threads as u64;
    let mut sequence = options.sequence_start;
    let mut works: Vec<Work> = (0..threads)
        .map(|thread| {
            let operations = total.map(|total| total / threads + u64::from(thread < total % threads));
            let draw = Draw::new(options.seed + thread, sequence);
            sequence += operations.unwrap_or(u64::from(u32::MAX));
            Work {
                links: Vec::new(),
                operations,
                draw,
                wake_after: options.wake_after,
                watched: None,
            }
        })
        .collect();
    for connection in 0..options.connections {
        let with = substitution(options, connection);
        let compiled = |commands: &[Vec<String>]| -> io::Result<Vec<Template>> {
            commands.iter().map(|command| compile(command, &with)).collect()
        };
        let templates = compiled(script.commands)?;
        let mut client = Client::connect(options)?;
        client.open(&compiled(script.opening)?)?;
        works[connection % options.threads].links.push(Link {
            socket: client.into_socket(),
            templates,
            pipeline: options.pipeline,
            observed: true,
        });
    }
    Ok(works)
}

/// Compiles a command for a connection.
pub fn compile(command: &[String], with: &Substitution) -> io::Result<Template> {
    Template::compile(command, with).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
}

/// Starts the threads. Each keeps its connections open until all have met at the barrier, so that closing them is no
/// part of what is measured.
fn start(works: Vec<Work>, phase: &PhaseSwitch) -> (Receiver<io::Result<Outcome>>, Arc<Barrier>) {
    let (sender, outcomes) = channel();
    let finished = Arc::new(Barrier::new(works.len() + 1));
    for work in works {
        let (sender, phase, finished) = (sender.clone(), phase.clone(), finished.clone());
        thread::spawn(move || {
            let load = Load::new(work).and_then(|mut load| load.run(&phase).map(|outcome| (load, outcome)));
            match load {
                Ok((load, outcome)) => {
                    // The receiver is gone only if the run has failed already.
                    let _ = sender.send(Ok(outcome));
                    finished.wait();
                    drop(load);
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        });
    }
    (outcomes, finished)
}

/// Waits until all threads are done or the time is over; the first failure ends the run.
fn collect(
    outcomes: &Receiver<io::Result<Outcome>>,
    done: &mut Vec<Outcome>,
    threads: usize,
    limit: Option<Duration>,
) -> io::Result<()> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    while done.len() < threads {
        let wait = deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        match outcomes.recv_timeout(wait) {
            Ok(outcome) => done.push(outcome?),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("a load thread has panicked")),
        }
    }
    Ok(())
}
