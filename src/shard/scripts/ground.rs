//! What a run of commands works on: a keyspace that the caller owns for the moment, and which of its keys may be touched.

use crate::base::id::ShardId;
use crate::command::{Args, Attempt, Command, Error, Exec, Part};
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::shard::execute::Surroundings;
use crate::shard::lend;
use crate::shard::message::Asker;
use crate::shard::router::Router;

/// Tells the keys that may be touched; `None`: all there are.
pub type Has<'h> = Option<&'h dyn Fn(&[u8]) -> bool>;

/// The keys over which a script, or a block with one, runs.
pub enum Ground<'g> {
    /// All keys there are, or those that `has` knows.
    Part { space: &'g mut Keyspace, has: Has<'g> },
    /// The keyspaces of all shards, in order.
    Whole {
        spaces: &'g mut [Box<Keyspace>],
        router: &'g Router,
    },
}

/// Runs a command over the keyspaces of all shards, for a client or for its `script`.
#[allow(clippy::too_many_arguments, reason = "what runs, over what, for whom, into what")]
pub fn run_over_whole(
    surroundings: &mut Surroundings<'_>,
    script: bool,
    spaces: &mut [Box<Keyspace>],
    router: &Router,
    asker: &Asker,
    command: &Command,
    args: Args<'_>,
    reply: &mut Reply,
) -> Attempt {
    let own = surroundings.shard.0;
    let attempt = match command.exec {
        Exec::Whole { .. } if let Some(error) = surroundings.refusal(asker, command) => {
            reply.error_bytes(&error.line());
            Attempt::Served
        }
        Exec::Whole { part, combine } => {
            let parts: Result<Vec<Part>, Error> = spaces
                .iter_mut()
                .enumerate()
                .map(|(at, space)| {
                    surroundings.shard.0 = ShardId(at as u16);
                    part(&mut surroundings.context(space, asker, command, reply), args)
                })
                .collect();
            match parts {
                Ok(parts) => {
                    surroundings.record_whole(asker.db, command, args);
                    combine(&parts, args, reply);
                }
                Err(error) => reply.error_bytes(&error.line()),
            }
            Attempt::Served
        }
        Exec::Shard { shard, .. } => {
            let at = shard(args, spaces.len() as u16, &|key| router.shard(key).0).unwrap_or(0);
            surroundings.shard.0 = ShardId(at);
            surroundings.run_for(script, &mut spaces[usize::from(at)], asker, command, args, reply)
        }
        _ => run_on_owners(surroundings, script, spaces, router, asker, command, args, reply),
    };
    surroundings.shard.0 = own;
    attempt
}

/// Runs a command over its keys: where they are when that is one shard, else over a keyspace in which they come together.
#[allow(clippy::too_many_arguments, reason = "what runs, over what, for whom, into what")]
fn run_on_owners(
    surroundings: &mut Surroundings<'_>,
    script: bool,
    spaces: &mut [Box<Keyspace>],
    router: &Router,
    asker: &Asker,
    command: &Command,
    args: Args<'_>,
    reply: &mut Reply,
) -> Attempt {
    let mut keys = crate::shard::keys_of(command, args);
    if let Exec::Roaming { touches, .. } = command.exec {
        let look = |key: &[u8]| spaces[router.shard(key).index()].db(asker.db).get(key);
        let mut touched = hashbrown::HashSet::new();
        touches(args, &look, &mut |key| {
            if look(key).is_some() {
                touched.get_or_insert_with(key, |key| Box::<[u8]>::from(key));
            }
        });
        keys.extend(touched);
        keys.sort_unstable();
        keys.dedup();
    }
    let mut owners: Vec<ShardId> = keys.iter().map(|key| router.shard(key)).collect();
    owners.sort_unstable();
    owners.dedup();
    if let [] | [_] = *owners {
        let at = owners.first().map_or(0, |owner| owner.index());
        return surroundings.run_for(script, &mut spaces[at], asker, command, args, reply);
    }
    let mut gathered = Keyspace::new(spaces[0].databases());
    for key in &keys {
        let lent = lend::take(&mut spaces[router.shard(key).index()], key.clone());
        lend::put(&mut gathered, lent);
    }
    let attempt = surroundings.run_for(script, &mut gathered, asker, command, args, reply);
    for key in keys {
        let home = router.shard(&key).index();
        lend::put(&mut spaces[home], lend::take(&mut gathered, key));
    }
    attempt
}
