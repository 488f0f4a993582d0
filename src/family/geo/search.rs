//! Searching for points in an area.

use std::cmp::Ordering;

use super::shape::{BY, FROM, Told, member};
use super::{UNIT, lookup, point, write_distance, write_point};
use crate::base::partial_sort::partial_sort;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::Entry;
use crate::protocol::reply::Reply;
use crate::types::SortedSet;
use crate::types::geo::{Area, Point, truncated};
use crate::types::sorted_set::compare;

/// GEOSEARCH, GEORADIUS and their variants.
pub const COMMANDS: &[Command] = &[
    Command::new("GEOSEARCH", "Finds the points in an area.", Group::Geo)
        .since("6.2.0")
        .complexity("O(N+log(M))")
        .arity(Arity::AtLeast(7))
        .flags(Flags::READONLY)
        .acl(Acl::GEO)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            FROM,
            BY,
            ORDER,
            COUNT_BLOCK,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
        ])
        .history(&[("9.0.0", "The option `BYPOLYGON`.")])
        .run(Exec::Keys(geosearch)),
    Command::new("GEOSEARCHSTORE", "Stores the points in an area.", Group::Geo)
        .since("6.2.0")
        .complexity("O(N+log(M))")
        .arity(Arity::AtLeast(8))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Acl::GEO)
        .keys(&[Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE), Key::at(2).read()])
        .args(&[
            Arg::key("destination", 0),
            Arg::key("source", 1),
            FROM,
            BY,
            ORDER,
            COUNT_BLOCK,
            Arg::word("storedist", "STOREDIST").optional(),
        ])
        .history(&[("9.0.0", "The option `BYPOLYGON`.")])
        .run(Exec::Keys(geosearchstore)),
    radius("GEORADIUS", "Finds the points around a point, or stores them.")
        .since("3.2.0")
        .arity(Arity::AtLeast(6))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(&[
            Key::at(1).read(),
            Key::option("STORE", "STOREDIST", 5, 6).flags(STORED),
            Key::option("STOREDIST", "STORE", 5, 6).flags(STORED),
        ])
        .key_use(|_| KeyFlags(KeyFlags::OW | KeyFlags::UPDATE))
        .args(&[
            Arg::key("key", 0),
            Arg::double("longitude"),
            Arg::double("latitude"),
            Arg::double("radius"),
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_BLOCK_DATED,
            ORDER,
            STORE,
        ])
        .run(Exec::Keys(georadius)),
    radius("GEORADIUS_RO", "Finds the points around a point.")
        .since("3.2.10")
        .arity(Arity::AtLeast(6))
        .flags(Flags::READONLY)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            Arg::double("longitude"),
            Arg::double("latitude"),
            Arg::double("radius"),
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_BLOCK_DATED,
            ORDER,
        ])
        .run(Exec::Keys(georadius_ro)),
    radius("GEORADIUSBYMEMBER", "Finds the points around a member, or stores them.")
        .since("3.2.0")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(&[
            Key::at(1).read(),
            Key::option("STORE", "STOREDIST", 5, 5).flags(STORED),
            Key::option("STOREDIST", "STORE", 5, 5).flags(STORED),
        ])
        .key_use(|_| KeyFlags(KeyFlags::OW | KeyFlags::UPDATE))
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            Arg::double("radius"),
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_BLOCK,
            ORDER,
            STORE,
        ])
        .run(Exec::Keys(georadiusbymember)),
    radius("GEORADIUSBYMEMBER_RO", "Finds the points around a member.")
        .since("3.2.10")
        .arity(Arity::AtLeast(5))
        .flags(Flags::READONLY)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            Arg::double("radius"),
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_BLOCK,
            ORDER,
        ])
        .run(Exec::Keys(georadiusbymember_ro)),
];

const fn radius(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Geo)
        .complexity("O(N+log(M))")
        .acl(Acl::GEO)
}

const STORED: u16 = KeyFlags::OW | KeyFlags::UPDATE | KeyFlags::VARIABLE;

const WITHCOORD: Arg = Arg::word("withcoord", "WITHCOORD").optional();
const WITHDIST: Arg = Arg::word("withdist", "WITHDIST").optional();
const WITHHASH: Arg = Arg::word("withhash", "WITHHASH").optional();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const COUNT: Arg = Arg::integer("count").token("COUNT");
const ANY: Arg = Arg::word("any", "ANY").optional();
const COUNT_BLOCK: Arg = Arg::block("count-block", &[COUNT, ANY]).optional();
const COUNT_BLOCK_DATED: Arg = Arg::block("count-block", &[COUNT, ANY.since("6.2.0")]).optional();
const STORE: Arg = Arg::one_of(
    "store",
    &[
        Arg::key("storekey", 1).display("key").token("STORE"),
        Arg::key("storedistkey", 2).display("key").token("STOREDIST"),
    ],
)
.optional();

/// Which of the commands searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Search,
    SearchStore,
    Radius,
    RadiusReadOnly,
}

/// What is asked for, besides the area.
#[derive(Default)]
struct Options<'a> {
    with_coordinates: bool,
    with_distance: bool,
    with_score: bool,
    order: Option<Order>,
    /// The most results.
    count: Option<usize>,
    /// Any so many results will do, not the nearest.
    any: bool,
    destination: Option<&'a [u8]>,
    store_distances: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

impl<'a> Options<'a> {
    /// Reads the option at word `at`; answers the words that it takes, 0 when it is none of these.
    fn read(&mut self, args: Args<'a>, at: usize, form: Form) -> Result<usize, Error> {
        let value = args.get(at + 1);
        match (args.at(at).to_ascii_uppercase().as_slice(), value) {
            (b"WITHDIST", _) => self.with_distance = true,
            (b"WITHHASH", _) => self.with_score = true,
            (b"WITHCOORD", _) => self.with_coordinates = true,
            (b"ANY", _) => self.any = true,
            (b"ASC", _) => self.order = Some(Order::Nearest),
            (b"DESC", _) => self.order = Some(Order::Farthest),
            (b"COUNT", Some(_)) => {
                let count = usize::try_from(args.int(at + 1)?).unwrap_or(0);
                self.count = Some(count).filter(|count| *count > 0);
                return match self.count {
                    Some(_) => Ok(2),
                    None => Err(Error::Text("ERR COUNT must be > 0")),
                };
            }
            (option @ (b"STORE" | b"STOREDIST"), Some(key)) if form == Form::Radius => {
                self.destination = Some(key);
                self.store_distances = option == b"STOREDIST";
                return Ok(2);
            }
            (b"STOREDIST", _) if form == Form::SearchStore => self.store_distances = true,
            _ => return Ok(0),
        }
        Ok(1)
    }

    /// Whether the options go together; `told` is what GEOSEARCH must be told.
    fn check(&self, form: Form, told: &Told) -> Result<(), Error> {
        let shows = self.with_coordinates || self.with_distance || self.with_score;
        let name = match form {
            Form::SearchStore => "geosearchstore",
            _ => "geosearch",
        };
        if shows && self.destination.is_some() {
            return Err(Error::Text(match form {
                Form::SearchStore => {
                    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
                _ => "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            }));
        }
        if told.center.is_none() && !matches!(told.size, Some(super::shape::Size::Polygon(_))) {
            return Err(Error::Composed(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if told.size.is_none() && matches!(form, Form::Search | Form::SearchStore) {
            return Err(Error::Composed(format!(
                "ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for {name}"
            )));
        }
        if self.any && self.count.is_none() {
            return Err(Error::Text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

/// A point that was found.
struct Found<'s> {
    member: &'s [u8],
    score: f64,
    point: Point,
    distance_m: f64,
}

/// The points in `area`, in the order of its cells; up to `limit`.
fn find<'s>(set: &'s SortedSet, area: &Area, limit: usize) -> Vec<Found<'s>> {
    let mut found = Vec::new();
    for (from, to) in area.scores() {
        let ranks = set.count_to_score(from, false)..set.count_to_score(to, false);
        for (member, score) in set.range(ranks) {
            let point = Point::of_score(score);
            if let Some(distance_m) = area.distance_m(point) {
                found.push(Found {
                    member,
                    score,
                    point,
                    distance_m,
                });
                if found.len() >= limit {
                    return found;
                }
            }
        }
    }
    found
}

/// Brings the `count` results that are wanted to the front.
fn sort(found: &mut Vec<Found<'_>>, order: Order, count: usize) {
    // Distances can be no numbers: between antipodes, by rounding.
    let nearest = |one: &Found<'_>, other: &Found<'_>| match one.distance_m.partial_cmp(&other.distance_m) {
        Some(ordering) => ordering,
        None => one.distance_m.total_cmp(&other.distance_m),
    };
    let mut compare = |one: &Found<'_>, other: &Found<'_>| -> Ordering {
        match order {
            Order::Nearest => nearest(one, other),
            Order::Farthest => nearest(other, one),
        }
    };
    if count < found.len() {
        partial_sort(found, 0..count, &mut compare);
        found.truncate(count);
    } else {
        found.sort_by(compare);
    }
}

fn geosearch(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    search(ctx, args, Form::Search, (1, 2), |_| Ok(Told::default()))
}

fn geosearchstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    search(ctx, args, Form::SearchStore, (2, 3), |_| Ok(Told::default()))
}

fn georadius(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    around_point(ctx, args, Form::Radius)
}

fn georadius_ro(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    around_point(ctx, args, Form::RadiusReadOnly)
}

fn around_point(ctx: &mut Context<'_>, args: Args<'_>, form: Form) -> Ran {
    search(ctx, args, form, (1, 6), |_| {
        Told::circle(Some(point(args, 2)?), args, 4)
    })
}

fn georadiusbymember(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    around_member(ctx, args, Form::Radius)
}

fn georadiusbymember_ro(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    around_member(ctx, args, Form::RadiusReadOnly)
}

fn around_member(ctx: &mut Context<'_>, args: Args<'_>, form: Form) -> Ran {
    search(ctx, args, form, (1, 5), |set| match set {
        Some(set) => Told::circle(Some(member(set, args.at(2))?), args, 3),
        // Radius and unit go unread.
        None => Ok(Told::nowhere()),
    })
}

/// Searches the set at word `source`; options stand from word `first` on. `begin` reads what stands before them.
fn search(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    form: Form,
    (source, first): (usize, usize),
    begin: impl FnOnce(Option<&SortedSet>) -> Result<Told, Error>,
) -> Ran {
    let limits = ctx.sorted_set_limits();
    // Removes what has expired; the set is then borrowed beside the reply.
    lookup(ctx, args.at(source))?;
    let set = ctx.keys.space.db(ctx.keys.db).get(args.at(source));
    let set = set.and_then(Entry::sorted_set);
    let mut told = begin(set)?;
    let mut options = Options {
        destination: (form == Form::SearchStore).then(|| args.at(1)),
        ..Options::default()
    };
    let searches = matches!(form, Form::Search | Form::SearchStore);
    let mut at = first;
    while at < args.len() {
        let mut words = options.read(args, at, form)?;
        if words == 0 && searches {
            words = told.read(set, args, at)?;
        }
        if words == 0 {
            return Err(Error::Syntax);
        }
        at += words;
    }
    options.check(form, &told)?;
    let unit_m = told.unit_m;
    let mut found = match set.zip(told.shape()) {
        None => Vec::new(),
        Some((set, shape)) => {
            let limit = options.count.filter(|_| options.any);
            find(set, &Area::of(shape), limit.unwrap_or(usize::MAX))
        }
    };
    let count = options.count.unwrap_or(usize::MAX);
    let order = options
        .order
        .or((options.count.is_some() && !options.any).then_some(Order::Nearest));
    match order {
        Some(order) => sort(&mut found, order, count),
        None => found.truncate(count),
    }
    let Some(destination) = options.destination else {
        write(&found, &options, unit_m, ctx.reply);
        return Ok(());
    };
    let event = if searches { "geosearchstore" } else { "georadiusstore" };
    let scores = found.iter().map(|found| match options.store_distances {
        true => (found.member, (found.distance_m / unit_m).max(0.0)),
        false => (found.member, found.score),
    });
    let mut members: Vec<(&[u8], f64)> = scores.collect();
    members.sort_unstable_by(|one, other| compare(*one, *other));
    let longest = members.iter().map(|(member, _)| member.len()).max();
    let size = (members.len(), longest.unwrap_or(0));
    let result = SortedSet::from_distinct(members.into_iter(), size, limits);
    ctx.store_sorted_set(destination, result, event);
    Ok(())
}

fn write(found: &[Found<'_>], options: &Options<'_>, unit_m: f64, reply: &mut Reply) {
    let shown = [options.with_distance, options.with_score, options.with_coordinates];
    let parts = 1 + shown.into_iter().filter(|shown| *shown).count();
    reply.array(found.len());
    for one in found {
        if parts > 1 {
            reply.array(parts);
        }
        reply.bulk(one.member);
        if options.with_distance {
            write_distance(reply, one.distance_m / unit_m);
        }
        if options.with_score {
            reply.int(truncated(one.score));
        }
        if options.with_coordinates {
            write_point(reply, one.point);
        }
    }
}
