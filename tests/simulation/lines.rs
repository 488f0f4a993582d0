//! Who waits for a key is served in the order in which they began to, whatever else they wait for, wherever they move it, and however it comes.

use crate::model::Op;
use crate::reply::Value;
use crate::world::{Fault, World};

/// Ways of waiting for the first element of `q`.
const WAITS: [&str; 5] = [
    "BLPOP q 0",
    "BLPOP other q more another 0",
    "BLMOVE q done LEFT LEFT 0",
    "BLMOVE q taken LEFT RIGHT 0",
    "BLMPOP 0 2 q four LEFT",
];
const CLIENTS: usize = 5;

fn quiet(world: &mut World) {
    while world.step() {}
}

/// The words of a reply, in order.
fn leaves(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::Bulk(text) => into.push(text.clone()),
        _ => {}
    }
}

/// What comes, in one of several ways: all at once, one by one, or with changes of other shards' keys in a transaction.
fn pushes(seed: u64) -> Vec<Op> {
    let items: Vec<String> = (0..CLIENTS).map(|at| format!("item{at}")).collect();
    let words = |line: String| line.split(' ').map(str::to_owned).collect();
    match seed % 3 {
        0 => vec![Op::plain(&format!("RPUSH q {}", items.join(" ")))],
        1 => items.iter().map(|item| Op::plain(&format!("RPUSH q {item}"))).collect(),
        _ => vec![Op::Block(vec![
            words("SET t0 1".into()),
            words(format!("RPUSH q {}", items.join(" "))),
            words("SET t1 1".into()),
        ])],
    }
}

/// Lets clients wait one after the other; which item each of them got.
fn served(seed: u64, fault: Fault) -> Vec<Option<String>> {
    let mut world = World::new(seed, 1 + (seed % 5) as u16, fault);
    let mut waiting = Vec::new();
    for at in 0..CLIENTS as u64 {
        let client = world.connect();
        let way = WAITS[((seed / 15 + at * (1 + seed % 4)) % WAITS.len() as u64) as usize];
        world.send(client, &Op::plain(way).encode());
        quiet(&mut world);
        waiting.push(client);
    }
    let producer = world.connect();
    for push in pushes(seed) {
        world.send(producer, &push.encode());
    }
    quiet(&mut world);
    let item_of = |client: usize| {
        let mut words = Vec::new();
        leaves(world.clients[client].replies.front()?, &mut words);
        words.pop()
    };
    waiting.into_iter().map(item_of).collect()
}

fn is_in_order(served: &[Option<String>]) -> bool {
    let in_order =
        |(at, item): (usize, &Option<String>)| item.as_ref().is_some_and(|item| *item == format!("item{at}"));
    served.iter().enumerate().all(in_order)
}

#[test]
fn those_who_wait_are_served_in_the_order_of_their_waiting() {
    for seed in crate::seeds(3_000) {
        let served = served(seed, Fault::None);
        assert!(is_in_order(&served), "seed {seed}: {served:?}");
    }
}

/// Pipelined commands over several shards may be made into one transaction, but not while a client waits who is to be served between them.
#[test]
fn who_waits_is_served_between_pipelined_commands() {
    let mut shortened = 0;
    for seed in crate::seeds(1_000) {
        let mut world = World::new(seed, 2 + (seed % 4) as u16, Fault::None);
        let (waiting, producer) = (world.connect(), world.connect());
        world.send(producer, &Op::plain("RPUSH from first second third").encode());
        quiet(&mut world);
        world.send(waiting, &Op::plain("BLPOP to 0").encode());
        quiet(&mut world);
        // All at once: what is sent one by one need not arrive together.
        let moves = Op::plain("LMOVE from to LEFT LEFT").encode().repeat(3);
        world.send(producer, &moves);
        quiet(&mut world);
        let mut got = Vec::new();
        leaves(
            world.clients[waiting]
                .replies
                .front()
                .expect("there was something to wait for"),
            &mut got,
        );
        assert_eq!(got, ["to", "first"], "seed {seed}");
        assert_eq!(world.clients[producer].replies.len(), 4, "seed {seed}");
        shortened += world.pipelines().series_shortened;
    }
    assert!(shortened > 0, "no pipeline was made into one transaction");
}

/// What comes in a transaction is all there before anybody is served, wherever its keys are and who waits.
#[test]
fn who_waits_is_served_after_a_transaction() {
    let block = Op::Block(
        ["LPUSH to first", "LPUSH other x", "LPUSH to second", "LPUSH more x"]
            .map(|line| line.split(' ').map(str::to_owned).collect())
            .to_vec(),
    );
    let (mut groups, mut groups_wide) = (0, 0);
    for seed in crate::seeds(1_000) {
        let mut world = World::new(seed, 1 + (seed % 4) as u16, Fault::None);
        let (waiting, producer) = (world.connect(), world.connect());
        // Without those who wait it may run in another way.
        world.send(producer, &block.encode());
        quiet(&mut world);
        world.send(producer, &Op::plain("DEL to other more").encode());
        quiet(&mut world);
        world.send(waiting, &Op::plain("BLPOP to 0").encode());
        quiet(&mut world);
        world.send(producer, &block.encode());
        quiet(&mut world);
        let mut got = Vec::new();
        let reply = world.clients[waiting].replies.front();
        leaves(reply.expect("there was something to wait for"), &mut got);
        assert_eq!(got, ["to", "second"], "seed {seed}");
        groups += world.pipelines().groups;
        groups_wide += world.pipelines().groups_wide;
    }
    assert!(
        groups_wide > 0 && groups > groups_wide,
        "{groups} groups, {groups_wide} of them wide"
    );
}

/// The check must see a world in which some are served before those ahead of them.
#[test]
fn clients_that_are_served_out_of_order_are_seen() {
    let wrong = (0..200).filter(|&seed| !is_in_order(&served(seed, Fault::WakesOutOfOrder)));
    assert!(
        wrong.count() > 0,
        "200 worlds with those who push in front all looked right"
    );
}
