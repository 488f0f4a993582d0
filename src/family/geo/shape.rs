//! How words name the area of a search.

use super::{UNIT, point, unit_m};
use crate::command::{Arg, Args, Error};
use crate::types::SortedSet;
use crate::types::geo::{Point, Shape};

/// The most vertices that a count can announce.
const VERTICES_MAX: i64 = i32::MAX as i64;

/// FROMMEMBER or FROMLONLAT.
pub const FROM: Arg = Arg::one_of(
    "from",
    &[
        Arg::string("member").token("FROMMEMBER"),
        Arg::block("fromlonlat", &[Arg::double("longitude"), Arg::double("latitude")]).token("FROMLONLAT"),
    ],
)
.optional();

/// BYRADIUS, BYBOX or BYPOLYGON.
pub const BY: Arg = Arg::one_of(
    "by",
    &[
        Arg::block("circle", &[Arg::double("radius").token("BYRADIUS"), UNIT]),
        Arg::block(
            "box",
            &[Arg::double("width").token("BYBOX"), Arg::double("height"), UNIT],
        ),
        Arg::block(
            "polygon",
            &[
                Arg::integer("num-vertices").token("BYPOLYGON"),
                Arg::block("vertices", &[Arg::double("longitude"), Arg::double("latitude")]).multiple(),
            ],
        )
        .since("9.0.0"),
    ],
);

/// The size of an area, without its place.
#[derive(Clone, Debug)]
pub enum Size {
    /// A radius.
    Circle(f64),
    /// Width and height.
    Box(f64, f64),
    /// A polygon, which has its place.
    Polygon(Vec<Point>),
}

/// An area as far as the words have told it.
#[derive(Debug, Default)]
pub struct Told {
    /// Where it is, or that it is at a member of a set that does not exist.
    pub center: Option<Option<Point>>,
    /// By FROMMEMBER rather than FROMLONLAT.
    by_member: bool,
    /// How large it is, in the unit.
    pub size: Option<Size>,
    /// Metres of the unit.
    pub unit_m: f64,
}

impl Told {
    /// At a member of a set that does not exist.
    pub fn nowhere() -> Self {
        Told {
            center: Some(None),
            ..Told::default()
        }
    }

    /// A circle of the radius and unit at words `at` and `at + 1`.
    pub fn circle(center: Option<Point>, args: Args<'_>, at: usize) -> Result<Self, Error> {
        let mut told = Told {
            center: Some(center),
            ..Told::default()
        };
        told.read_radius(args, at)?;
        Ok(told)
    }

    /// Reads the option of GEOSEARCH at word `at`; answers the words that it takes, 0 when it is none.
    pub fn read(&mut self, set: Option<&SortedSet>, args: Args<'_>, at: usize) -> Result<usize, Error> {
        let behind = args.len() - at - 1;
        let (circle, rectangle, polygon) = match &self.size {
            None => (true, true, self.center.is_none()),
            Some(Size::Circle(_)) => (true, false, false),
            Some(Size::Box(..)) => (false, true, false),
            Some(Size::Polygon(_)) => (false, false, true),
        };
        let no_polygon = !matches!(self.size, Some(Size::Polygon(_)));
        let free = |by_member: bool| no_polygon && (self.center.is_none() || self.by_member == by_member);
        if args.is(at, "FROMMEMBER") && behind >= 1 && free(true) {
            self.center = Some(set.map(|set| member(set, args.at(at + 1))).transpose()?);
            self.by_member = true;
            return Ok(2);
        }
        if args.is(at, "FROMLONLAT") && behind >= 2 && free(false) {
            self.center = Some(Some(point(args, at + 1)?));
            return Ok(3);
        }
        if args.is(at, "BYRADIUS") && behind >= 2 && circle {
            self.read_radius(args, at + 1)?;
            return Ok(3);
        }
        if args.is(at, "BYBOX") && behind >= 3 && rectangle {
            self.read_box(args, at + 1)?;
            return Ok(4);
        }
        if args.is(at, "BYPOLYGON") && behind >= 2 && polygon {
            return Ok(1 + self.read_polygon(args, at + 1)?);
        }
        Ok(0)
    }

    fn read_radius(&mut self, args: Args<'_>, at: usize) -> Result<(), Error> {
        let radius = float(args, at, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Error::Text("ERR radius cannot be negative"));
        }
        self.unit_m = unit_m(args, at + 1)?;
        self.size = Some(Size::Circle(radius));
        Ok(())
    }

    fn read_box(&mut self, args: Args<'_>, at: usize) -> Result<(), Error> {
        let width = float(args, at, "ERR need numeric width")?;
        let height = float(args, at + 1, "ERR need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::Text("ERR height or width cannot be negative"));
        }
        self.unit_m = unit_m(args, at + 2)?;
        self.size = Some(Size::Box(width, height));
        Ok(())
    }

    /// Answers the words that count and vertices take.
    fn read_polygon(&mut self, args: Args<'_>, at: usize) -> Result<usize, Error> {
        let invalid = Error::Text("ERR invalid number of vertices");
        let count = args.int_in(at, -VERTICES_MAX - 1..=VERTICES_MAX, invalid)?;
        let count = usize::try_from(count).unwrap_or(0);
        if count < 3 || count > (args.len() - at - 1) / 2 {
            return Err(Error::Text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"));
        }
        let vertices = (0..count).map(|vertex| point(args, at + 1 + 2 * vertex));
        self.size = Some(Size::Polygon(vertices.collect::<Result<_, _>>()?));
        self.unit_m = 1.0;
        Ok(1 + 2 * count)
    }

    /// The shape, when all of it is known: not in a set that does not exist.
    pub fn shape(self) -> Option<Shape> {
        let center = self.center.flatten();
        let unit_m = self.unit_m;
        Some(match self.size? {
            Size::Circle(radius) => Shape::Circle {
                center: center?,
                radius_m: radius * unit_m,
            },
            Size::Box(width, height) => Shape::Rectangle {
                center: center?,
                width_m: width * unit_m,
                height_m: height * unit_m,
            },
            Size::Polygon(vertices) => Shape::Polygon(vertices),
        })
    }
}

fn float(args: Args<'_>, at: usize, error: &'static str) -> Result<f64, Error> {
    args.float(at).map_err(|_| Error::Text(error))
}

/// The point of a member.
pub fn member(set: &SortedSet, member: &[u8]) -> Result<Point, Error> {
    let score = set.score(member);
    score
        .map(Point::of_score)
        .ok_or_else(|| Error::quoting("ERR member ", member, " does not exist"))
}
