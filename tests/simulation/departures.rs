//! A client that is served in the moment in which it leaves: what was taken out for it must be back where it was.

use crate::model::Op;
use crate::reply::Value;
use crate::world::{Fault, World};

/// A command that blocks, what wakes it (several commands: a transaction), how to look, and what must be seen when its client got no answer.
struct Case {
    blocks: &'static str,
    wakes: &'static [&'static str],
    look: &'static [&'static str],
    whole: &'static [&'static str],
}

const CASES: [Case; 8] = [
    Case {
        blocks: "BLPOP q 0",
        wakes: &["RPUSH q a b"],
        look: &["LRANGE q 0 -1"],
        whole: &["a", "b"],
    },
    Case {
        blocks: "BRPOP q 0",
        wakes: &["RPUSH q a b"],
        look: &["LRANGE q 0 -1"],
        whole: &["a", "b"],
    },
    Case {
        blocks: "BLPOP one two q three four 0",
        wakes: &["RPUSH q a b"],
        look: &["LRANGE q 0 -1"],
        whole: &["a", "b"],
    },
    Case {
        blocks: "BLPOP one q two 0",
        wakes: &["RPUSH q a b", "RPUSH two c", "RPUSH one d"],
        look: &["LRANGE one 0 -1", "LRANGE q 0 -1", "LRANGE two 0 -1"],
        whole: &["d", "a", "b", "c"],
    },
    Case {
        blocks: "BLMPOP 0 2 other q LEFT COUNT 2",
        wakes: &["RPUSH q a b c"],
        look: &["LRANGE q 0 -1"],
        whole: &["a", "b", "c"],
    },
    Case {
        blocks: "BLMPOP 0 1 q RIGHT COUNT 2",
        wakes: &["RPUSH q a b c"],
        look: &["LRANGE q 0 -1"],
        whole: &["a", "b", "c"],
    },
    Case {
        blocks: "BZPOPMIN z 0",
        wakes: &["ZADD z 1.5 a 2 b"],
        look: &["ZRANGE z 0 -1 WITHSCORES"],
        whole: &["a", "1.5", "b", "2"],
    },
    Case {
        blocks: "BZMPOP 0 2 other z MAX COUNT 5",
        wakes: &["ZADD z 1.5 a 2 b"],
        look: &["ZRANGE z 0 -1 WITHSCORES"],
        whole: &["a", "1.5", "b", "2"],
    },
];

fn quiet(world: &mut World) {
    while world.step() {}
}

fn ask(world: &mut World, line: &str) -> Option<Value> {
    let client = world.connect();
    world.send(client, &Op::plain(line).encode());
    quiet(world);
    world.clients[client].replies.pop_front()
}

/// Runs one case under a seed; tells what is seen, unless the client had its answer before it left.
fn after_departure(seed: u64, case: &Case) -> Option<Vec<String>> {
    let mut world = World::new(seed, 2 + (seed % 3) as u16, Fault::None);
    let consumer = world.connect();
    world.send(consumer, &Op::plain(case.blocks).encode());
    quiet(&mut world);
    let producer = world.connect();
    let words = |line: &&str| line.split(' ').map(str::to_owned).collect();
    let wakes = match case.wakes {
        [one] => Op::plain(one),
        several => Op::Block(several.iter().map(words).collect()),
    };
    world.send(producer, &wakes.encode());
    for _ in 0..seed % 17 {
        world.step();
    }
    let answered = world.clients[consumer].has_output();
    world.disconnect(consumer);
    quiet(&mut world);
    assert!(world.is_settled(), "seed {seed}: {}", case.blocks);
    let mut texts = Vec::new();
    for look in case.look {
        let Some(Value::Array(items)) = ask(&mut world, look) else {
            panic!("seed {seed}: {look} answers an array");
        };
        texts.extend(items.into_iter().map(|item| match item {
            Value::Bulk(text) => text,
            other => format!("{other:?}"),
        }));
    }
    (!answered).then_some(texts)
}

#[test]
fn what_was_served_to_a_client_that_is_gone_returns() {
    for case in &CASES {
        let seen = (0..400).filter_map(|seed| Some((seed, after_departure(seed, case)?)));
        let mut unanswered = 0;
        for (seed, items) in seen {
            assert_eq!(items, case.whole, "seed {seed}: {}", case.blocks);
            unanswered += 1;
        }
        assert!(unanswered > 20, "{}: {unanswered} clients left unanswered", case.blocks);
    }
}
