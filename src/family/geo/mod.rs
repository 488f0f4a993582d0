//! Commands on points on the earth, which sorted sets keep.

mod add;
mod read;
mod search;
mod shape;
#[cfg(test)]
mod tests;

use crate::command::{Arg, Args, Command, Context, Error};
use crate::protocol::reply::Reply;
use crate::types::SortedSet;
use crate::types::geo::Point;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[add::COMMANDS, read::COMMANDS, search::COMMANDS];

const UNIT: Arg = Arg::one_of(
    "unit",
    &[
        Arg::word("m", "M"),
        Arg::word("km", "KM"),
        Arg::word("ft", "FT"),
        Arg::word("mi", "MI"),
    ],
);

/// Metres of the unit that word `at` names.
fn unit_m(args: Args<'_>, at: usize) -> Result<f64, Error> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let named = units.into_iter().find(|(name, _)| args.is(at, name));
    let unknown = Error::Text("ERR unsupported unit provided. please use M, KM, FT, MI");
    named.map(|(_, metres)| metres).ok_or(unknown)
}

/// The point that words `at` (longitude) and `at + 1` (latitude) name.
fn point(args: Args<'_>, at: usize) -> Result<Point, Error> {
    let point = Point {
        longitude: args.float(at)?,
        latitude: args.float(at + 1)?,
    };
    if point.is_valid() {
        return Ok(point);
    }
    let Point { longitude, latitude } = point;
    Err(Error::Composed(format!(
        "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
    )))
}

/// The sorted set at `key`, for a command that only reads.
fn lookup<'k>(ctx: &'k mut Context<'_>, key: &[u8]) -> Result<Option<&'k SortedSet>, Error> {
    match ctx.keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.sorted_set().map(Some).ok_or(Error::WrongType),
    }
}

/// Writes a distance, in whatever unit, with four digits behind the point.
fn write_distance(reply: &mut Reply, distance: f64) {
    const SCALE: i64 = 10_000;
    let scaled = (distance * SCALE as f64).round_ties_even() as i64;
    let (whole, rest) = (scaled / SCALE, scaled % SCALE);
    reply.bulk(format!("{whole}.{rest:04}").as_bytes());
}

/// Writes longitude and latitude with up to 17 digits behind the point.
fn write_point(reply: &mut Reply, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        reply.double_text(if text == "-0" { "0" } else { text });
    }
}
