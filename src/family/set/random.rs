//! Commands that draw members at random.

use smallvec::SmallVec;

use super::{limits, lookup, write_members};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};

const ARGS_SPOP: &[Arg] = &[Arg::key("key", 0), Arg::integer("count").optional().since("3.2.0")];
const ARGS_SRANDMEMBER: &[Arg] = &[Arg::key("key", 0), Arg::integer("count").optional().since("2.6.0")];

/// SPOP and SRANDMEMBER.
pub const COMMANDS: &[Command] = &[
    Command::new("SPOP", "Removes members drawn at random and returns them.", Group::Set)
        .arity(Arity::AtLeast(2))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
        .args(ARGS_SPOP)
        .tips(&["nondeterministic_output"])
        .history(&[("3.2.0", "The number of members.")])
        .run(Exec::Keys(spop)),
    Command::new("SRANDMEMBER", "Returns members drawn at random.", Group::Set)
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY)
        .acl(Acl::SET)
        .keys(&[Key::at(1).read()])
        .args(ARGS_SRANDMEMBER)
        .tips(&["nondeterministic_output"])
        .history(&[("2.6.0", "The number of members.")])
        .run(Exec::Keys(srandmember)),
];

/// The most members with repetitions that one reply holds: what they take must not be without bounds.
const REPEATS_MAX: u64 = 1 << 24;

fn spop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match args.len() {
        2 => {}
        3 => return spop_many(ctx, args),
        _ => return Err(Error::Syntax),
    }
    let key = args.at(1);
    let Some(set) = ctx.keys.set_mut(key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let reply = &mut *ctx.reply;
    let member = set.pop(ctx.rng, |member| {
        reply.bulk(member);
        SmallVec::<[u8; 128]>::from_slice(member)
    });
    let member = member.expect("a stored set has members");
    let emptied = set.is_empty();
    ctx.keys.changed(key, Class::Set, "spop");
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    ctx.keys.redo([b"SREM", key, &member]);
    Ok(())
}

fn spop_many(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let count = args.int_in(2, 0..=i64::MAX, Error::NotPositive)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let limits = limits(ctx.config);
    let recorded = ctx.keys.effects.redo.is_wanted();
    let Some(set) = ctx.keys.set_mut(key)?.filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(());
    };
    let all = count >= set.len();
    let mut taken = recorded.then(Vec::<Box<[u8]>>::new);
    if all {
        write_members(ctx.reply, set.len(), set.iter());
    } else {
        let reply = &mut *ctx.reply;
        reply.set(count);
        set.pop_many(count, ctx.rng, limits, |member| {
            reply.bulk(member);
            if let Some(taken) = &mut taken {
                taken.push(member.into());
            }
        });
    }
    ctx.keys.changed(key, Class::Set, "spop");
    if all {
        ctx.keys.remove_emptied(key);
        ctx.keys.redo([b"DEL", key]);
    } else if let Some(taken) = taken {
        let words: Vec<&[u8]> = [&b"SREM"[..], key]
            .into_iter()
            .chain(taken.iter().map(|member| &**member))
            .collect();
        ctx.keys.redo(words.iter().copied());
    }
    Ok(())
}

fn srandmember(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match args.len() {
        2 => {}
        3 => return srandmember_many(ctx, args),
        _ => return Err(Error::Syntax),
    }
    let set = lookup(&mut ctx.keys, args.at(1))?;
    match set.and_then(|set| set.random(ctx.rng)) {
        Some(member) => ctx.reply.bulk(&member),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn srandmember_many(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let count = args.symmetric_int(2)?;
    let Some(set) = lookup(&mut ctx.keys, args.at(1))? else {
        ctx.reply.array(0);
        return Ok(());
    };
    if count >= 0 {
        let members = set.sample(usize::try_from(count).unwrap_or(usize::MAX), ctx.rng);
        ctx.reply.array(members.len());
        members.iter().for_each(|member| ctx.reply.bulk(member));
    } else if count.unsigned_abs() <= REPEATS_MAX {
        ctx.reply.array(count.unsigned_abs() as usize);
        for _ in 0..count.unsigned_abs() {
            let member = set.random(ctx.rng).expect("a stored set has members");
            ctx.reply.bulk(&member);
        }
    } else {
        return Err(Error::Text("ERR value is out of range"));
    }
    Ok(())
}
