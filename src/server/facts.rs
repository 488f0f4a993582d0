//! What the operating system tells of this process, by INFO field: memory, processor time, names.
//!
//! Owns the reading of /proc. It must not know who asks.

use std::fs;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Instant;

use crate::command::Text;

/// The unit in which /proc tells processor time: fixed at a hundredth of a second for programs.
const TICKS_A_SECOND: f64 = 100.0;

struct Start {
    at: Instant,
    run_id: String,
    replication_id: String,
}

fn start() -> &'static Start {
    static START: OnceLock<Start> = OnceLock::new();
    START.get_or_init(|| Start {
        at: Instant::now(),
        run_id: random_id(),
        replication_id: random_id(),
    })
}

/// The process begins: its clock starts, and it gets its ids.
pub fn begin() {
    start();
}

/// Forty random hexadecimal digits.
fn random_id() -> String {
    let mut bytes = [0; 20];
    if let Err(error) = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)) {
        log::warn!("No random run_id: /dev/urandom: {error}");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends what is known; what cannot be read is left out.
pub fn tell(out: &mut Vec<Text>) {
    let started = start();
    out.push(("process_id", std::process::id().to_string()));
    out.push(("run_id", started.run_id.clone()));
    out.push(("master_replid", started.replication_id.clone()));
    out.push(("uptime_in_seconds", started.at.elapsed().as_secs().to_string()));
    if let Ok(path) = std::env::current_exe() {
        out.push(("executable", path.to_string_lossy().into_owned()));
    }
    if let (Ok(name), Ok(release)) = (
        fs::read_to_string("/proc/sys/kernel/ostype"),
        fs::read_to_string("/proc/sys/kernel/osrelease"),
    ) {
        out.push((
            "os",
            format!("{} {} {}", name.trim(), release.trim(), std::env::consts::ARCH),
        ));
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        push_bytes(out, "used_memory_rss", &status, "VmRSS:");
        push_bytes(out, "used_memory_rss_peak", &status, "VmHWM:");
    }
    if let Ok(memory) = fs::read_to_string("/proc/meminfo") {
        push_bytes(out, "total_system_memory", &memory, "MemTotal:");
    }
    if let Some([user, system]) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(cpu_seconds)
    {
        out.push(("used_cpu_user", format!("{user:.6}")));
        out.push(("used_cpu_sys", format!("{system:.6}")));
    }
}

/// Finds the line that begins with `label` and tells kibibytes.
fn bytes_after(label: &str, lines: &str) -> Option<u64> {
    let mut found = lines.lines().filter_map(|line| line.strip_prefix(label));
    let kib: u64 = found.next()?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn push_bytes(out: &mut Vec<Text>, name: &'static str, lines: &str, label: &str) {
    out.extend(bytes_after(label, lines).map(|bytes| (name, bytes.to_string())));
}

/// Memory of the process that no file stands behind.
pub fn anonymous_bytes() -> Option<u64> {
    bytes_after("RssAnon:", &fs::read_to_string("/proc/self/status").ok()?)
}

/// User and system time out of /proc/self/stat, whose second field may hold blanks but ends with the last parenthesis.
fn cpu_seconds(stat: &str) -> Option<[f64; 2]> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_A_SECOND);
    Some([seconds()?, seconds()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_found_in_their_texts() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0";
        assert_eq!(cpu_seconds(stat), Some([2.5, 0.5]));
        assert_eq!(cpu_seconds("nonsense"), None);
        let mut out = Vec::new();
        push_bytes(
            &mut out,
            "used_memory_rss",
            "VmHWM:\t 20 kB\nVmRSS:\t 12 kB\n",
            "VmRSS:",
        );
        assert_eq!(out, [("used_memory_rss", "12288".to_owned())]);
    }

    #[test]
    fn this_process_is_told() {
        let mut out = Vec::new();
        tell(&mut out);
        for name in [
            "process_id",
            "run_id",
            "used_memory_rss",
            "total_system_memory",
            "used_cpu_user",
        ] {
            assert!(out.iter().any(|(field, _)| *field == name), "{name}");
        }
        let run_id = out
            .iter()
            .find(|(field, _)| *field == "run_id")
            .map(|(_, text)| text.len());
        assert_eq!(run_id, Some(40));
    }
}
