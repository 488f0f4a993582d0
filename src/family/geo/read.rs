//! Where points are, and how far apart.

use super::{UNIT, lookup, unit_m, write_distance, write_point};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran};
use crate::types::geo::Point;

/// GEODIST, GEOHASH and GEOPOS.
pub const COMMANDS: &[Command] = &[
    Command::new("GEODIST", "Returns the distance between two points.", Group::Geo)
        .since("3.2.0")
        .arity(Arity::AtLeast(4))
        .flags(Flags::READONLY)
        .acl(Acl::GEO)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            Arg::string("member1"),
            Arg::string("member2"),
            UNIT.optional(),
        ])
        .run(Exec::Keys(geodist)),
    Command::new("GEOHASH", "Returns the standard geohashes of points.", Group::Geo)
        .since("3.2.0")
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY)
        .acl(Acl::GEO)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::string("member").optional().multiple()])
        .run(Exec::Keys(geohash)),
    Command::new("GEOPOS", "Returns the longitudes and latitudes of points.", Group::Geo)
        .since("3.2.0")
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY)
        .acl(Acl::GEO)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::string("member").optional().multiple()])
        .run(Exec::Keys(geopos)),
];

fn geodist(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let unit_m = match args.len() {
        4 => 1.0,
        5 => unit_m(args, 4)?,
        _ => return Err(Error::Syntax),
    };
    let set = lookup(ctx, args.at(1))?;
    let stored = |at: usize| set?.score(args.at(at)).map(Point::of_score);
    match stored(2).zip(stored(3)) {
        Some((one, other)) => write_distance(ctx.reply, one.distance_m(other) / unit_m),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// The points that the words from word 2 on name.
fn points(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Vec<Option<Point>>, Error> {
    let set = lookup(ctx, args.at(1))?;
    let stored = |member: &[u8]| set?.score(member).map(Point::of_score);
    Ok(args.from(2).map(stored).collect())
}

fn geohash(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let points = points(ctx, args)?;
    ctx.reply.array(points.len());
    for point in points {
        match point {
            Some(point) => ctx.reply.bulk(point.geohash().as_bytes()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn geopos(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let points = points(ctx, args)?;
    ctx.reply.array(points.len());
    for point in points {
        match point {
            Some(point) => write_point(ctx.reply, point),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}
