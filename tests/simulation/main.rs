//! The whole server (shards, lanes, connections) in one thread under a seeded scheduler: every history must be strictly serializable,
//! everything must be answered, nothing may stay held. `CORELANE_SEEDS` sets how many seeds, `CORELANE_SEED` runs one.

mod departures;
mod history;
mod lines;
mod memory;
mod messages;
mod mixed;
mod model;
mod reply;
mod streams;
mod tracking;
mod workload;
mod world;

use corelane::coordinator::Pipelines;
use workload::{Kind, Run, Shape, run};
use world::Fault;

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("CORELANE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CORELANE_SEEDS").unwrap_or(default),
    }
}

fn shape(seed: u64) -> Shape {
    Shape {
        shards: 1 + (seed % 8) as u16,
        clients: 2 + (seed / 8 % 4) as usize,
        operations: 40,
        disconnects: seed.is_multiple_of(3),
        kind: Kind::Plain,
        fault: Fault::None,
    }
}

fn check(seed: u64, shape: Shape) -> Result<Run, String> {
    let run = run(seed, shape)?;
    history::check(&run.events).map_err(|error| format!("seed {seed}, {shape:?}: {error}"))?;
    Ok(run)
}

/// One in which the keys of a transaction were seen before all clients that waited for others of them were served, one in which an element was
/// taken for a client that was gone, missed by others meanwhile, and put back, and one in which a client that waited for several keys was served from
/// one of them while another held what was on its way to a client before it in line.
const FAILED_ONCE: [u64; 3] = [19_852, 2_847, 34_683];
/// As above, of mixed histories: a list with a time to live that SORT stores anew lives on (the model did not know); a script had read for a group, and
/// began again without that having been taken back; a script exchanged databases and emptied them, which a watched key did not notice.
const MIXED_FAILED_ONCE: [u64; 3] = [7_812, 6_222, 19_237];

#[test]
fn seeds_that_failed_once_pass() {
    for seed in FAILED_ONCE {
        if let Err(error) = check(seed, shape(seed)) {
            panic!("{error}");
        }
    }
    for seed in MIXED_FAILED_ONCE {
        if let Err(error) = check(seed, mixed(seed)) {
            panic!("{error}");
        }
    }
}

fn mixed(seed: u64) -> Shape {
    Shape {
        kind: Kind::Mixed,
        ..shape(seed)
    }
}

#[test]
fn every_history_is_strictly_serializable() {
    for seed in seeds(10_000) {
        if let Err(error) = check(seed, shape(seed)) {
            panic!("{error}");
        }
    }
}

/// Streams, their groups, and readers that wait for several of them: nothing is lost or delivered twice.
#[test]
fn every_history_of_streams_is_strictly_serializable() {
    let with_streams = |seed| Shape {
        kind: Kind::Streams,
        ..shape(seed)
    };
    for seed in seeds(5_000) {
        if let Err(error) = check(seed, with_streams(seed)) {
            panic!("{error}");
        }
    }
}

/// Long pipelines over several shards: their commands take effect in order, in groups or one by one.
#[test]
fn every_history_of_pipelines_is_strictly_serializable() {
    let with_pipelines = |seed| Shape {
        shards: 1 + (seed % 6) as u16,
        kind: Kind::Pipelines,
        ..shape(seed)
    };
    let mut made = Pipelines::default();
    let seeds = seeds(5_000);
    for seed in seeds.clone() {
        match check(seed, with_pipelines(seed)) {
            Ok(run) => made = made + run.pipelines,
            Err(error) => panic!("{error}"),
        }
    }
    let rare = seeds.count() < 100;
    let Pipelines {
        groups,
        groups_wide,
        groups_split,
        series,
        series_shortened,
    } = made;
    let all = [groups, groups_wide, groups_split, series, series_shortened];
    assert!(rare || all.iter().all(|made| *made > 0), "{made:?}");
}

/// Everything at once: WATCH, expiry, SWAPDB, FLUSHALL, sorted sets, streams, blocking commands in scripts and transactions.
#[test]
fn every_mixed_history_is_strictly_serializable() {
    for seed in seeds(5_000) {
        if let Err(error) = check(seed, mixed(seed)) {
            panic!("{error}");
        }
    }
}

/// The checker must see a world in which requests overtake each other.
#[test]
fn requests_that_overtake_each_other_are_seen() {
    let faulty = |seed| Shape {
        shards: 3,
        fault: Fault::ReorderRequests,
        disconnects: false,
        ..shape(seed)
    };
    let caught = (0..300)
        .filter(|&seed| std::panic::catch_unwind(|| check(seed, faulty(seed)).is_err()).unwrap_or(true))
        .count();
    assert!(caught > 0, "300 worlds with overtaking requests all looked right");
}

/// The checker must see a world that loses replies.
#[test]
fn lost_replies_are_seen() {
    let faulty = |seed| Shape {
        shards: 3,
        fault: Fault::LoseReplies,
        disconnects: false,
        ..shape(seed)
    };
    let caught = (0..20)
        .filter(|&seed| std::panic::catch_unwind(|| check(seed, faulty(seed)).is_err()).unwrap_or(true))
        .count();
    assert!(caught > 0, "20 worlds that lose replies all looked right");
}

/// Whether one of some worlds with a fault looks wrong.
fn is_seen(fault: Fault, kind: Kind, seeds: u64) -> bool {
    let faulty = |seed| Shape {
        shards: 3,
        clients: 5,
        kind,
        fault,
        disconnects: false,
        ..shape(seed)
    };
    (0..seeds).any(|seed| std::panic::catch_unwind(|| check(seed, faulty(seed)).is_err()).unwrap_or(true))
}

#[test]
fn lent_keys_that_do_not_come_back_are_seen() {
    assert!(is_seen(Fault::LoseReturns, Kind::Plain, 20));
}

#[test]
fn watched_keys_whose_change_is_not_told_are_seen() {
    assert!(is_seen(Fault::SkipVersions, Kind::Mixed, 1000));
}

#[test]
fn clients_that_are_served_twice_are_seen() {
    assert!(is_seen(Fault::DoubleClaims, Kind::Plain, 1000));
}
