//! A memory limit over all shards: together they stay below it, only what the policy names goes, and nothing else changes.

use corelane::base::rng::Rng;

use crate::model::Op;
use crate::reply::Value;
use crate::world::{Fault, World};

const LIMIT_BYTES: u64 = 24_000;
const KEYS: u64 = 600;
const POLICIES: [&str; 7] = [
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];
const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

fn quiet(world: &mut World) {
    while world.step() {}
}

fn ask_op(world: &mut World, client: usize, op: &Op) -> Value {
    world.send(client, &op.encode());
    quiet(world);
    // The block's last reply is EXEC's.
    let replies = std::mem::take(&mut world.clients[client].replies);
    replies.into_iter().next_back().expect("every request is answered")
}

fn ask(world: &mut World, client: usize, line: &str) -> Value {
    ask_op(world, client, &Op::plain(line))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// What keys and tables of all shards take.
fn used_bytes(world: &mut World, client: usize) -> u64 {
    let Value::Bulk(info) = ask(world, client, "INFO corelane") else {
        panic!("INFO answers a text");
    };
    let shards = info.split("used_bytes=").skip(1);
    let numbers = shards.map(|rest| {
        rest.split(',')
            .next()
            .expect("a number")
            .parse::<u64>()
            .expect("a number")
    });
    numbers.sum()
}

/// A command that takes memory, on keys that may be on several shards, and the lasting key that it writes.
fn filling(rng: &mut Rng, lasting: u64) -> (Op, Option<String>) {
    let value = "v".repeat(1 + rng.below(200) as usize);
    let seconds = 500 + rng.below(500);
    let [one, other] = [(); 2].map(|()| format!("leaving:{}", rng.below(KEYS)));
    let op = match rng.below(6) {
        0 => {
            let name = format!("lasting:{lasting}");
            return (Op::plain(&format!("SET {name} x")), Some(name));
        }
        1 => Op::plain(&format!("MSETEX 2 {one} {value} {other} {value} EX {seconds}")),
        2 => {
            let script =
                "redis.call('SET', ARGV[1], ARGV[2], 'EX', 1000) return redis.call('SET', KEYS[1], ARGV[2], 'EX', 900)";
            let head = ["EVAL", script, "1", &one, &other, &value];
            Op::Plain(head.map(str::to_owned).to_vec())
        }
        3 => {
            let block = [&one, &other].map(|key| words(&format!("SET {key} {value} EX {seconds}")));
            Op::Block(block.to_vec())
        }
        _ => Op::plain(&format!("SET {one} {value} EX {seconds}")),
    };
    (op, None)
}

fn fill(seed: u64, policy: &str) {
    let mut world = World::new(seed, 1 + (seed % 4) as u16, Fault::None);
    let mut rng = Rng::new(seed);
    let clients: Vec<usize> = (0..3).map(|_| world.connect()).collect();
    ask(
        &mut world,
        clients[0],
        &format!("CONFIG SET maxmemory {LIMIT_BYTES} maxmemory-policy {policy}"),
    );
    let mut lasting = Vec::new();
    for number in 0..300 {
        let client = clients[rng.below(3) as usize];
        let (op, name) = filling(&mut rng, number);
        let reply = ask_op(&mut world, client, &op);
        assert!(!matches!(&reply, Value::Error(_)), "seed {seed}, {policy}: {reply:?}");
        lasting.extend(name);
        if number % 10 == 0 {
            world.pass_time(100_000);
            quiet(&mut world);
            let used = used_bytes(&mut world, clients[0]);
            assert!(used <= LIMIT_BYTES, "seed {seed}, {policy}: {used} bytes");
        }
    }
    let Value::Bulk(stats) = ask(&mut world, clients[0], "INFO stats") else {
        panic!("INFO answers a text");
    };
    assert!(!stats.contains("evicted_keys:0\r\n"), "seed {seed}, {policy}");
    if policy.starts_with("volatile") {
        for name in lasting {
            let there = ask(&mut world, clients[1], &format!("EXISTS {name}"));
            assert_eq!(there, Value::Int(1), "seed {seed}, {policy}: {name}");
        }
    }
    assert!(world.is_settled(), "seed {seed}, {policy}");
}

#[test]
fn shards_stay_below_the_limit_together() {
    for policy in POLICIES {
        for seed in 0..40 {
            fill(seed, policy);
        }
    }
}

/// All keys are on one shard, and all memory is asked for on another: the first makes room.
#[test]
fn a_shard_makes_room_for_another() {
    let mut world = World::new(7, 2, Fault::None);
    let client = world.connect();
    ask(
        &mut world,
        client,
        "CONFIG SET maxmemory 60000 maxmemory-policy volatile-lru",
    );
    for number in 0..300 {
        ask(
            &mut world,
            client,
            &format!("SET {{a}}:{number} some-value-of-a-key EX 1000"),
        );
    }
    let before = ask(&mut world, client, "DBSIZE");
    let Value::Int(before) = before else {
        panic!("DBSIZE answers a number")
    };
    for number in 0..1500 {
        let tag = if number % 500 == 0 { "a" } else { "b" };
        let reply = ask(&mut world, client, &format!("SET {{{tag}}}:lasting:{number} x"));
        if reply == Value::Error(OOM.into()) {
            break;
        }
        assert_eq!(reply, Value::Simple("OK".into()));
    }
    world.pass_time(200_000);
    quiet(&mut world);
    let used = used_bytes(&mut world, client);
    // The last command that was let in may have taken it over the limit.
    assert!(used <= 60_000 + 200, "{used}");
    let Value::Int(left) = ask(&mut world, client, "EVAL return(#redis.call('KEYS','{a}:*')) 0") else {
        panic!("EVAL answers a number")
    };
    assert!(left < before / 2, "{left} of {before}");
}

#[test]
fn without_eviction_commands_are_refused_and_scripts_may_ask_for_more() {
    for shards in 1..4 {
        let mut world = World::new(3, shards, Fault::None);
        let client = world.connect();
        let refused = Value::Error(OOM.into());
        ask(&mut world, client, "SET k 1");
        ask(&mut world, client, "CONFIG SET maxmemory 1");
        assert_eq!(ask(&mut world, client, "SET other 1"), refused);
        assert_eq!(ask(&mut world, client, "MSET a 1 b 2 c 3"), refused);
        let mut eval = |flags: &str, body: &str| {
            let text = format!("#!lua{flags}\n{body}");
            let words = ["EVAL", text.as_str(), "1", "k"].map(str::to_owned);
            ask_op(&mut world, client, &Op::Plain(words.to_vec()))
        };
        let reads = "return redis.call('GET', KEYS[1])";
        assert_eq!(eval("", reads), refused);
        assert_eq!(eval(" flags=no-writes", reads), Value::Bulk("1".into()));
        assert_eq!(
            eval(" flags=allow-oom", "return redis.call('APPEND', KEYS[1], 'x')"),
            Value::Int(2)
        );
        ask(&mut world, client, "CONFIG SET maxmemory 0");
        assert_eq!(ask(&mut world, client, "SET other 1"), Value::Simple("OK".into()));
    }
}
