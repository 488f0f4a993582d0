//! Results for people and for programs: a table, or one line of JSON each.
//!
//! Owns the names and units of what is printed; must not know how it was measured.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::handoff::HandoffOutcome;
use crate::idle::IdleOutcome;
use crate::json::Object;
use crate::load::Stall;
use crate::options::Options;
use crate::scan::Tally;

const STALLS_IN_JSON: usize = 3;

/// The result of a load run.
#[derive(Debug)]
pub struct Report {
    pub test: String,
    pub connections: usize,
    pub pipeline: usize,
    pub threads: usize,
    pub value_bytes: usize,
    pub keyspace: u64,
    pub operations: u64,
    pub elapsed: Duration,
    pub server_cpu_ns: Option<u64>,
    pub client_cpu_ns: u64,
    pub latency: Histogram<u64>,
    pub tally: Tally,
    /// The worst stalls of all threads, the worst first.
    pub stalls: Vec<Stall>,
    /// Whether the stalls are printed.
    pub shows_stalls: bool,
}

impl Report {
    /// One line of JSON.
    pub fn json(&self) -> String {
        self.object().finish()
    }

    fn object(&self) -> Object {
        let mut line = Object::new();
        line.text("test", &self.test)
            .integer("connections", self.connections as u64)
            .integer("pipeline", self.pipeline as u64)
            .integer("threads", self.threads as u64)
            .integer("value_bytes", self.value_bytes as u64)
            .integer("keyspace", self.keyspace)
            .integer("operations", self.operations)
            .number("seconds", self.elapsed.as_secs_f64())
            .number("ops_per_second", self.per_second());
        if let Some(cpu_ns) = self.server_cpu_ns {
            line.number("server_cpu_us_per_op", self.per_operation_us(cpu_ns))
                .number("server_cores", self.cores(cpu_ns));
        }
        line.number("client_cpu_us_per_op", self.per_operation_us(self.client_cpu_ns))
            .number("client_cores", self.cores(self.client_cpu_ns))
            .object("latency_us", &latency_object(&self.latency))
            .integer("errors", self.tally.errors)
            .integer("empty", self.tally.empty);
        if self.tally.errors > 0 {
            line.text("first_error", &self.tally.first_error);
        }
        for (rank, stall) in self
            .stalls
            .iter()
            .take(STALLS_IN_JSON)
            .enumerate()
            .filter(|_| self.shows_stalls)
        {
            let mut object = Object::new();
            object
                .number("us", us(stall.latency_ns))
                .integer("after_operations", stall.after_operations);
            if let Some(busy_ns) = stall.server_busy_ns {
                object
                    .number("server_busy_us", us(busy_ns))
                    .number("blame_us", us(stall.blame_ns()));
            }
            line.object(&format!("stall_{}", rank + 1), &object);
        }
        line
    }

    /// One row of the table.
    pub fn row(&self) -> String {
        let server = self.server_cpu_ns.map_or_else(
            || format!("{:>10} {:>6}", "-", "-"),
            |cpu_ns| format!("{:>10.3} {:>6.2}", self.per_operation_us(cpu_ns), self.cores(cpu_ns)),
        );
        let quantile = |quantile| us(self.latency.value_at_quantile(quantile));
        let mut row = format!(
            "{:<22} {:>4} {:>12.0} {server} {:>10.3} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            self.test,
            self.pipeline,
            self.per_second(),
            self.per_operation_us(self.client_cpu_ns),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            us(self.latency.max()),
        );
        if self.tally.errors > 0 {
            row.push_str(&format!("  {} errors: {}", self.tally.errors, self.tally.first_error));
        }
        if self.tally.empty > 0 {
            row.push_str(&format!("  {} empty replies", self.tally.empty));
        }
        for stall in self.stalls.iter().filter(|_| self.shows_stalls) {
            let busy = stall
                .server_busy_ns
                .map_or(String::new(), |ns| format!(", the server busy {:.1} us of it", us(ns)));
            row.push_str(&format!(
                "\n  {:>9.1} us after {} operations{busy}",
                us(stall.latency_ns),
                stall.after_operations
            ));
        }
        row
    }

    /// The head of the table.
    pub fn head() -> String {
        format!(
            "{:<22} {:>4} {:>12} {:>10} {:>6} {:>10} {:>9} {:>9} {:>9} {:>9}",
            "test", "P", "ops/s", "server us", "cores", "client us", "p50 us", "p99 us", "p99.9 us", "max us"
        )
    }

    fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn per_operation_us(&self, cpu_ns: u64) -> f64 {
        cpu_ns as f64 / 1e3 / self.operations.max(1) as f64
    }

    fn cores(&self, cpu_ns: u64) -> f64 {
        cpu_ns as f64 / 1e9 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Microseconds of a histogram value in nanoseconds.
pub fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// The usual quantiles of a latency histogram, in microseconds.
pub fn latency_object(latency: &Histogram<u64>) -> Object {
    let mut object = Object::new();
    object
        .number("mean", latency.mean() / 1e3)
        .number("p50", us(latency.value_at_quantile(0.5)))
        .number("p90", us(latency.value_at_quantile(0.9)))
        .number("p99", us(latency.value_at_quantile(0.99)))
        .number("p99_9", us(latency.value_at_quantile(0.999)))
        .number("max", us(latency.max()));
    object
}

/// The result of blocked-then-woken pairs.
pub fn handoff_line(options: &Options, outcome: &HandoffOutcome) -> String {
    let handed_over = outcome.latency.len().max(1);
    let per_second = outcome.latency.len() as f64 / outcome.elapsed.as_secs_f64().max(1e-9);
    let cpu_us = outcome
        .server_cpu_ns
        .map(|cpu_ns| cpu_ns as f64 / 1e3 / handed_over as f64);
    if options.json {
        let mut line = Object::new();
        line.text("test", "handoff")
            .integer("pairs", options.pairs as u64)
            .integer("watch_keys", options.watch_keys as u64)
            .integer("operations", outcome.latency.len())
            .number("ops_per_second", per_second)
            .object("latency_us", &latency_object(&outcome.latency))
            .number(
                "pair_p50_min_us",
                outcome.pair_medians_ns.iter().min().map_or(0.0, |&ns| us(ns)),
            )
            .number(
                "pair_p50_max_us",
                outcome.pair_medians_ns.iter().max().map_or(0.0, |&ns| us(ns)),
            );
        if let Some(cpu_us) = cpu_us {
            line.number("server_cpu_us_per_op", cpu_us);
        }
        return line.finish();
    }
    let quantile = |quantile| us(outcome.latency.value_at_quantile(quantile));
    format!(
        "hand-off, {} pairs, {} keys watched: {} elements at {:.0}/s, p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, max {:.1} us, server CPU {} us each",
        options.pairs,
        options.watch_keys,
        outcome.latency.len(),
        per_second,
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        us(outcome.latency.max()),
        cpu_us.map_or_else(|| "-".to_owned(), |cpu_us| format!("{cpu_us:.2}")),
    )
}

/// The result of idle connections.
pub fn idle_line(options: &Options, outcome: &IdleOutcome) -> String {
    let (resident, anonymous) = outcome.bytes_per_connection();
    if options.json {
        let mut line = Object::new();
        line.text("test", "idle")
            .integer("connections", outcome.connections as u64)
            .number("resident_bytes_per_connection", resident)
            .number("anonymous_bytes_per_connection", anonymous)
            .integer("resident_bytes_before", outcome.before.resident)
            .integer("resident_bytes_after", outcome.after.resident);
        return line.finish();
    }
    format!(
        "{} idle connections: {resident:.0} resident bytes each ({anonymous:.0} anonymous), {} -> {} MiB",
        outcome.connections,
        outcome.before.resident >> 20,
        outcome.after.resident >> 20,
    )
}
