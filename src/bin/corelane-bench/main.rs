//! corelane-bench: loads a RESP server until the server is the limit, and says what it cost the server.
//!
//! Owns the choice of the mode; a client only, it must not know the server's library.

mod client;
mod handoff;
mod idle;
mod insert;
mod json;
mod kernel;
mod load;
mod named;
mod options;
mod process;
mod report;
mod run;
mod scan;
mod template;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use options::{Extent, Mode, Options};
use report::Report;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("corelane-bench: {message}");
            return ExitCode::from(2);
        }
    };
    match carry_out(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("corelane-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(options: &Options) -> io::Result<()> {
    match &options.mode {
        Mode::Help => print!("{}", options::USAGE),
        Mode::List => named::TESTS
            .iter()
            .for_each(|test| println!("{:<20} {}", test.name, test.commands.join(" ; "))),
        Mode::Named(names) => named_tests(options, names)?,
        Mode::Commands(commands) => {
            let name = commands
                .iter()
                .map(|command| command.join(" "))
                .collect::<Vec<_>>()
                .join(" ; ");
            let server = run::measured_process(options)?;
            print_head(options);
            let opening = &[];
            let script = run::Script { opening, commands };
            print_report(options, &run::measure(options, &name, script, server.as_ref())?);
        }
        Mode::Handoff => {
            let outcome = handoff::measure(options, run::measured_process(options)?.as_ref())?;
            println!("{}", report::handoff_line(options, &outcome));
        }
        Mode::Insert(keys) => {
            let report = insert::measure(options, *keys, run::measured_process(options)?.as_ref())?;
            print_head(options);
            print_report(options, &report);
        }
        Mode::Idle(connections) => {
            let Some(server) = run::measured_process(options)? else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "--idle-connections needs --pid",
                ));
            };
            let settle = if let Extent::Time(time) = options.extent {
                time
            } else {
                Duration::from_secs(1)
            };
            let outcome = idle::measure(options, *connections, settle, &server)?;
            println!("{}", report::idle_line(options, &outcome));
        }
    }
    Ok(())
}

fn named_tests(options: &Options, names: &[String]) -> io::Result<()> {
    let unknown = |name: &str| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("no test is named '{name}'; see --list"),
        )
    };
    let tests = names
        .iter()
        .map(|name| named::find(name).ok_or_else(|| unknown(name)))
        .collect::<io::Result<Vec<_>>>()?;
    let server = run::measured_process(options)?;
    print_head(options);
    for test in tests {
        if let Some(preparation) = &test.preparation {
            run::prepare(options, preparation)?;
        }
        let split = |commands: &[&str]| commands.iter().map(|command| named::arguments(command)).collect();
        let (opening, commands): (Vec<_>, Vec<_>) = (split(test.opening), split(test.commands));
        let script = run::Script {
            opening: &opening,
            commands: &commands,
        };
        print_report(options, &run::measure(options, test.name, script, server.as_ref())?);
    }
    Ok(())
}

fn print_head(options: &Options) {
    if !options.json {
        println!("{}", Report::head());
    }
}

fn print_report(options: &Options, report: &Report) {
    println!("{}", if options.json { report.json() } else { report.row() });
}
