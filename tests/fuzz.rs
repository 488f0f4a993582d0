//! A mutation fuzzer on the stable toolchain: each target is run on mutated seeds for CORELANE_FUZZ_SECONDS (default 2).
//!
//! Owns the registry of targets: to add one, write `tests/fuzz/NAME.rs` with `pub const TARGET: Target` and name it in `TARGETS`.
//! CORELANE_FUZZ_SEED starts another sequence than the default one; CORELANE_FUZZ_TARGET runs the one target of that name.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use corelane::base::rng::Rng;

#[path = "fuzz/files.rs"]
mod files;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/payloads.rs"]
mod payloads;
#[path = "fuzz/requests.rs"]
mod requests;
#[path = "fuzz/words.rs"]
mod words;

/// What is fuzzed: a function that panics when it finds a defect.
struct Target {
    name: &'static str,
    /// Inputs to start from.
    seeds: &'static [&'static [u8]],
    /// Pieces that mutations insert.
    tokens: &'static [&'static [u8]],
    run: fn(&[u8]),
}

const TARGETS: &[Target] = &[files::TARGET, payloads::TARGET, requests::TARGET, words::TARGET];

/// Longest input, in bytes.
const INPUT_MAX: usize = 4096;

#[test]
fn no_target_finds_a_defect() {
    let seconds = number_from_env("CORELANE_FUZZ_SECONDS").unwrap_or(2);
    let only = env::var("CORELANE_FUZZ_TARGET").ok();
    let chosen = |target: &&Target| only.as_deref().is_none_or(|name| name == target.name);
    let mut runs = 0;
    for target in TARGETS.iter().filter(chosen) {
        match fuzz(target, Duration::from_secs(seconds), seed()) {
            Ok(count) => println!("{}: {count} inputs", target.name),
            Err(input) => panic!("{} fails on b\"{}\"", target.name, input.escape_ascii()),
        }
        runs += 1;
    }
    assert!(runs > 0, "CORELANE_FUZZ_TARGET names no target");
}

#[test]
fn a_defect_is_found() {
    let canary = Target {
        name: "canary",
        seeds: &[b"*1\r\n"],
        tokens: &[b"$", b"GET"],
        run: |input| assert!(!input.windows(4).any(|window| window == b"$GET"), "the canary sings"),
    };
    let input = fuzz(&canary, Duration::from_secs(60), seed()).expect_err("the canary must be found");
    assert!(input.windows(4).any(|window| window == b"$GET"));
}

/// Runs the target on mutated inputs; answers how many, or the one on which it panicked.
fn fuzz(target: &Target, time: Duration, seed: u64) -> Result<u64, Vec<u8>> {
    let mut rng = Rng::new(seed);
    let mut corpus: Vec<Vec<u8>> = target.seeds.iter().map(|seed| seed.to_vec()).collect();
    let start = Instant::now();
    let mut count = 0;
    while count % 256 != 0 || start.elapsed() < time {
        let mut input = corpus[rng.below(corpus.len() as u64) as usize].clone();
        mutate::mutate(&mut input, target.tokens, &mut rng);
        input.truncate(INPUT_MAX);
        if panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            return Err(input);
        }
        // Without knowledge of coverage, depth comes from mutating what was mutated before.
        if rng.chance(1, 64) {
            let at = rng.below(corpus.len() as u64 + 1) as usize;
            if corpus.len() < 256 {
                corpus.push(input);
            } else if at >= target.seeds.len() {
                corpus[at.min(255)] = input;
            }
        }
        count += 1;
    }
    Ok(count)
}

fn seed() -> u64 {
    number_from_env("CORELANE_FUZZ_SEED").unwrap_or(1)
}

fn number_from_env(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    )
}
