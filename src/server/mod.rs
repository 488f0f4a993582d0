//! The wiring of the process: arguments, log, limits, listeners, shards, signals, metrics, and the end.
//!
//! Owns the order in which these begin and end, and what the operator reads about it. It must not know how a shard works.

mod descriptors;
mod facts;
mod journal;
mod metrics;
mod primary;
mod signals;

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crate::base::rng::Rng;
use crate::catalog;
use crate::config::{self, Config, Invocation};
use crate::coordinator::{Node, NodeSetup, Shared, Start};
use crate::persist::{self, Layout, Libraries, RecoveryError};
use crate::rt::cores::Cores;
use crate::rt::limits;
use crate::rt::listener::{self, Listener};
use crate::rt::{LaunchError, Level, ListenError, Plan, Rewrites, launch};
use crate::shard::log::Position;
use crate::shard::router::{Router, RuleError};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a shard on a core of its own looks for work before it sleeps, microseconds.
const SPIN_US: u64 = 20;
/// The environment variable that limits what is used of io_uring to what a kernel version has.
const LEVEL_VARIABLE: &str = "CORELANE_IO_URING";

const USAGE: &str = "\
Usage: corelane [CONFIG_FILE] [--DIRECTIVE VALUE ...] [-]
       corelane -                  read the configuration from standard input
       corelane -v, --version
       corelane -h, --help

Directives on the command line win over the file. Examples:
       corelane
       corelane --port 7777 --shards 4
       corelane /etc/corelane/corelane.conf --loglevel verbose

Environment:
       CORELANE_IO_URING=5.15|5.19|6.1|6.6   use no more of io_uring than that kernel has
";

/// Why the server does not start, or ends with an error.
#[derive(Debug, thiserror::Error)]
enum ServerError {
    #[error("Can't open the log file: {0}")]
    Log(std::io::Error),
    #[error("Can't chdir to '{dir}': {error}")]
    Dir { dir: String, error: std::io::Error },
    #[error("{LEVEL_VARIABLE} is '{0}'; it can be 5.15, 5.19, 6.1 or 6.6")]
    Level(String),
    #[error("affinity: {0}")]
    Rule(#[from] RuleError),
    #[error("rename-command: {0}")]
    Rename(#[from] catalog::RenameError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error("Bad append only file: its functions cannot be loaded: {0}")]
    Libraries(String),
    #[error("Bad append only file: {0}")]
    Recovery(#[from] RecoveryError),
    #[error("Can't watch for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs the program; the answer is the process's exit code.
pub fn run(arguments: &[String]) -> ExitCode {
    let config = match config::from_arguments(arguments) {
        Ok(Invocation::Run(config)) => *config,
        Ok(Invocation::Version) => return show(&format!("Corelane server v={VERSION} bits=64\n")),
        Ok(Invocation::Help) => return show(USAGE),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Before there is a log, the terminal is all there is.
            if matches!(error, ServerError::Log(_)) {
                eprintln!("{error}");
            }
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn show(text: &str) -> ExitCode {
    // Nobody reads: nothing to be done about it.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn serve(mut config: Config) -> Result<(), ServerError> {
    journal::start(&config).map_err(ServerError::Log)?;
    facts::begin();
    let pid = std::process::id();
    log::info!("Corelane is starting, PID: {pid}");
    log::info!("Corelane version={VERSION}, bits=64, pid={pid}, just started");
    match &config.file {
        Some(path) => log::info!("Configuration loaded from {path}"),
        None => log::info!("Configuration loaded"),
    }
    config.log_without_effect(&Config::default());
    std::env::set_current_dir(&config.dir).map_err(|error| ServerError::Dir {
        dir: config.dir.clone(),
        error,
    })?;
    catalog::rename(&config.renamed_commands)?;
    let plan = plan(&config)?;
    // Every shard makes its own; this one tells about a rule that cannot be understood before anything starts.
    Router::new(plan.shards, &config.affinity)?;
    descriptors::provide(&mut config, plan.shards);
    crate::rt::prepare_allocator();
    if config.disable_thp
        && let Err(error) = limits::refuse_huge_pages()
    {
        log::warn!("Transparent huge pages cannot be switched off for this process, which may delay commands: {error}");
    }
    log::info!("Running mode=standalone, port={}.", config.port);
    let listeners = listener::open_all(&config)?;
    let signals = signals::Watch::begin().map_err(ServerError::Signals)?;
    let kinds: Vec<&str> = listeners.iter().map(Listener::kind).collect();
    let sockets = listeners
        .iter()
        .filter_map(|listener| listener.share().ok())
        .collect::<Vec<_>>();
    write_pidfile(&config, pid);

    let shared = Arc::new(Shared::new(facts::tell, crate::rt::monotonic_us).with_purge(crate::rt::purge));
    let (logs, starts) = recovered(&config, plan.shards, &shared)?;
    let machine = machine(&config, plan.shards, Arc::clone(&shared), starts);
    let running = launch(plan, listeners, logs, machine)?;
    shared.budget.set_base_bytes(facts::anonymous_bytes().unwrap_or(0));
    log::info!(
        "Server initialized: {} shard{}, {}",
        plan.shards,
        if plan.shards == 1 { "" } else { "s" },
        if running.is_pinned() {
            "one on each core"
        } else {
            "not bound to cores"
        },
    );
    if let Some(missing) = running.missing_features() {
        log::warn!("Slower than it could be, io_uring of this kernel lacks: {missing}");
    }
    metrics::start(&config, running.handle());
    primary::start(running.handle(), shared);
    signals.stop_on_arrival(running.handle());
    for kind in dedup(kinds) {
        log::info!("Ready to accept connections {kind}");
    }
    let outcome = running.wait();
    for socket in sockets {
        socket.unlink();
    }
    remove_pidfile(&config);
    log::warn!("Corelane is now ready to exit, bye bye...");
    Ok(outcome?)
}

fn plan(config: &Config) -> Result<Plan, ServerError> {
    let level = match std::env::var(LEVEL_VARIABLE) {
        Ok(version) => Level::of_kernel(&version).ok_or(ServerError::Level(version))?,
        Err(_) => Level::Full,
    };
    let shards = match config.shards {
        0 => u16::try_from(Cores::usable().count).unwrap_or(u16::MAX),
        shards => shards,
    };
    Ok(Plan {
        shards,
        pin: config.pin_cores,
        spin_us: SPIN_US,
        level,
        times_passes: config.metrics_port != 0,
    })
}

/// The files of the shards' logs, and how they are exchanged.
type Logs = (Vec<File>, Arc<Rewrites>);
/// With what each shard begins that keeps a log.
type Starts = Vec<Mutex<Option<Start>>>;

/// What the log has, and the files in which it goes on; nothing without one.
fn recovered(config: &Config, shards: u16, shared: &Shared) -> Result<(Option<Logs>, Starts), ServerError> {
    if !config.appendonly {
        return Ok((None, Starts::new()));
    }
    let begun_us = crate::rt::monotonic_us();
    let recovered = persist::recover(config, shards)?;
    let keys: usize = recovered.spaces.iter().map(|space| space.len()).sum();
    let seconds = (crate::rt::monotonic_us() - begun_us) as f64 / 1e6;
    log::info!("DB loaded from append only file: {seconds:.3} seconds, {keys} keys");
    shared.begin_logged_after(recovered.last_tx);
    let Libraries { state, payload } = &recovered.libraries;
    if *state > 0 {
        let restored = shared.restore_libraries(*state, payload);
        restored.map_err(|error| ServerError::Libraries(String::from_utf8_lossy(&error.line()).into_owned()))?;
    }
    let (files, positions): (Vec<File>, Vec<Position>) = recovered.files.into_iter().unzip();
    let emits = recovered.is_foreign;
    if emits {
        log::info!("The append only file is that of other shards or rules, and is written anew in the background");
        shared.progress.is_rewriting.store(true, Ordering::Relaxed);
    }
    let start = |(keyspace, position)| {
        Mutex::new(Some(Start {
            keyspace,
            position,
            emits,
        }))
    };
    let starts = recovered.spaces.into_iter().zip(positions).map(start).collect();
    let rewrites = Rewrites::new(Layout::of(config), recovered.manifest, Arc::clone(&shared.progress));
    Ok((Some((files, rewrites)), starts))
}

/// How each shard's thread makes its machine.
fn machine(
    config: &Config,
    shards: u16,
    shared: Arc<Shared>,
    starts: Starts,
) -> impl Fn(crate::base::id::ShardId, crate::base::time::Now) -> Node + Send + Sync + 'static {
    let config = config.clone();
    move |shard, now| {
        let mut seeds = Rng::new(now.unix_us as u64 ^ u64::from(shard.0) << 48);
        let mut node = Node::new(NodeSetup {
            shard,
            shards,
            config: config.clone(),
            now,
            seed: seeds.next_u64(),
            shared: Arc::clone(&shared),
        })
        .expect("the affinity rules were understood before");
        let start = starts.get(shard.index()).map(|start| start.lock());
        if let Some(start) = start.and_then(|start| start.ok()?.take()) {
            node.begin_with(start);
        }
        node
    }
}

fn write_pidfile(config: &Config, pid: u32) {
    if !config.pidfile.is_empty()
        && let Err(error) = std::fs::write(&config.pidfile, format!("{pid}\n"))
    {
        log::warn!("Failed to write PID file: {error}");
    }
}

fn remove_pidfile(config: &Config) {
    if !config.pidfile.is_empty() {
        // Somebody else may have removed it.
        let _absent = std::fs::remove_file(&config.pidfile);
    }
}

fn dedup(kinds: Vec<&str>) -> Vec<&str> {
    let mut seen = Vec::new();
    for kind in kinds {
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    seen
}
