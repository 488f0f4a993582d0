//! Adding points.

use super::point;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};

/// GEOADD.
pub const COMMANDS: &[Command] = &[
    Command::new("GEOADD", "Adds points to a sorted set, or moves them.", Group::Geo)
        .since("3.2.0")
        .complexity("O(log(N))")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Acl::GEO)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("6.2.0").optional(),
            Arg::block(
                "data",
                &[Arg::double("longitude"), Arg::double("latitude"), Arg::string("member")],
            )
            .multiple(),
        ])
        .history(&[("6.2.0", "The options `CH`, `NX` and `XX`.")])
        .run(Exec::Keys(geoadd)),
];

/// Words of one point: longitude, latitude, member.
const WORDS: usize = 3;

fn geoadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (mut nx, mut xx, mut ch) = (false, false, false);
    let mut first = 2;
    while first < args.len() {
        let option = match args.at(first).to_ascii_uppercase().as_slice() {
            b"NX" => &mut nx,
            b"XX" => &mut xx,
            b"CH" => &mut ch,
            _ => break,
        };
        *option = true;
        first += 1;
    }
    let words = args.len() - first;
    if !words.is_multiple_of(WORDS) || nx && xx {
        return Err(Error::Syntax);
    }
    // All points are read before anything changes.
    let places = (first..args.len()).step_by(WORDS);
    let points = places.map(|at| Ok((args.at(at + 2), point(args, at)?.score())));
    let points = points.collect::<Result<Vec<_>, Error>>()?;
    if points.is_empty() {
        return Err(Error::Syntax);
    }
    let key = args.at(1);
    if xx && ctx.keys.sorted_set(key)?.is_none() {
        ctx.reply.int(0);
        return Ok(());
    }
    let limits = ctx.sorted_set_limits();
    let set = ctx.keys.sorted_set_or_create(key)?;
    let longest = points.iter().map(|(member, _)| member.len()).max();
    set.expect(points.len(), longest.unwrap_or(0), limits);
    let (mut added, mut moved) = (0, 0);
    for (member, score) in points {
        set.update(member, limits, |old| {
            let refused = match old {
                None => xx,
                Some(old) => nx || old == score,
            };
            if !refused {
                *(if old.is_none() { &mut added } else { &mut moved }) += 1;
            }
            (!refused).then_some(score)
        });
    }
    ctx.reply.count(added + if ch { moved } else { 0 });
    if added + moved > 0 {
        ctx.keys.changed(key, Class::SortedSet, "zadd");
    }
    Ok(())
}
