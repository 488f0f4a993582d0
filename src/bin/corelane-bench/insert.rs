//! Inserts of distinct keys, looking for the longest stall while the table grows.
//!
//! Owns the split into one probing connection and filling ones; must not know how the load is produced.

use std::io;

use crate::options::{Extent, Options};
use crate::process::Process;
use crate::report::Report;
use crate::run;

/// Inserts `keys` distinct keys. The first connection sends one at a time, and only its latencies count; the others
/// fill with the pipeline of the options.
pub fn measure(options: &Options, keys: u64, server: Option<&Process>) -> io::Result<Report> {
    let mut options = options.clone();
    options.extent = Extent::Operations(keys);
    options.threads = 1;
    options.warmup = std::time::Duration::ZERO;
    options.stalls = true;
    let command = ["SET", "key:{seq}", "{value}"].map(str::to_owned).to_vec();
    let script = run::Script {
        opening: &[],
        commands: &[command],
    };
    let mut works = run::works(&options, script)?;
    for (at, link) in works.iter_mut().flat_map(|work| &mut work.links).enumerate() {
        link.observed = at == 0;
        link.pipeline = if at == 0 { 1 } else { options.pipeline };
    }
    run::watch(&mut works, server);
    run::measure_works(&options, "insert", works, server)
}
