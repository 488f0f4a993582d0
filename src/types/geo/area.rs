//! Areas to search, and the cells of the grid that cover one: at most nine, none much larger than the area.

use super::{Bounds, Cell, EARTH_RADIUS_M, LATITUDE, LONGITUDE, Point, RADIANS, STEP_MAX, meridian_m};

/// Half the equator in the Mercator projection, in metres.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// The form of an area; sizes in metres.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// All that is near enough to a point.
    Circle {
        /// The middle.
        center: Point,
        /// How near.
        radius_m: f64,
    },
    /// Around a point, with sides along meridians and parallels.
    Rectangle {
        /// The middle.
        center: Point,
        /// From west to east.
        width_m: f64,
        /// From south to north.
        height_m: f64,
    },
    /// Between these corners and back to the first, with sides that are straight in degrees.
    Polygon(Vec<Point>),
}

/// An area, and what of the grid it touches.
#[derive(Clone, Debug)]
pub struct Area {
    shape: Shape,
    center: Point,
    cells: Vec<Cell>,
}

impl Area {
    /// The area of this shape.
    pub fn of(shape: Shape) -> Self {
        let (center, bounds, reach_m) = match &shape {
            Shape::Circle { center, radius_m } => (*center, around(*center, *radius_m, *radius_m), *radius_m),
            Shape::Rectangle {
                center,
                width_m,
                height_m,
            } => {
                let (width, height) = (width_m / 2.0, height_m / 2.0);
                let corner = (width * width + height * height).sqrt();
                (*center, around(*center, width, height), corner)
            }
            Shape::Polygon(corners) => {
                let (center, bounds) = (centroid(corners), enclosing(corners));
                (center, bounds, farthest_corner(center, bounds))
            }
        };
        Area {
            cells: covering(center, bounds, reach_m),
            shape,
            center,
        }
    }

    /// The scores to look at, as ranges without their ends, in the order in which results are told.
    pub fn scores(&self) -> impl Iterator<Item = (f64, f64)> {
        self.cells.iter().map(|cell| cell.scores())
    }

    /// Metres from the middle to `point`, if that is inside.
    pub fn distance_m(&self, point: Point) -> Option<f64> {
        let inside = match &self.shape {
            Shape::Circle { radius_m, .. } => {
                let distance = self.center.distance_m(point);
                return if distance > *radius_m { None } else { Some(distance) };
            }
            Shape::Rectangle { width_m, height_m, .. } => {
                let on_parallel = Point {
                    latitude: point.latitude,
                    ..self.center
                };
                let too_far = meridian_m(point.latitude, self.center.latitude) > height_m / 2.0
                    || point.distance_m(on_parallel) > width_m / 2.0;
                !too_far
            }
            Shape::Polygon(corners) => is_enclosed(corners, point),
        };
        inside.then(|| self.center.distance_m(point))
    }
}

/// The region that reaches so far from a point; towards the pole its width in degrees is larger.
fn around(center: Point, width_m: f64, height_m: f64) -> Bounds {
    let latitude = height_m / EARTH_RADIUS_M / RADIANS;
    let polewards = if center.latitude < 0.0 {
        center.latitude - latitude
    } else {
        center.latitude + latitude
    };
    let longitude = width_m / EARTH_RADIUS_M / (polewards * RADIANS).cos() / RADIANS;
    Bounds {
        west: center.longitude - longitude,
        east: center.longitude + longitude,
        south: center.latitude - latitude,
        north: center.latitude + latitude,
    }
}

fn enclosing(corners: &[Point]) -> Bounds {
    let longitudes = corners.iter().map(|corner| corner.longitude);
    let latitudes = corners.iter().map(|corner| corner.latitude);
    Bounds {
        west: longitudes.clone().fold(LONGITUDE.max, f64::min),
        east: longitudes.fold(LONGITUDE.min, f64::max),
        south: latitudes.clone().fold(LATITUDE.max, f64::min),
        north: latitudes.fold(LATITUDE.min, f64::max),
    }
}

/// The middle of the corners in space, seen from the centre of the earth.
fn centroid(corners: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (corner.longitude * RADIANS, corner.latitude * RADIANS);
        x += EARTH_RADIUS_M * latitude.cos() * longitude.cos();
        y += EARTH_RADIUS_M * latitude.cos() * longitude.sin();
        z += EARTH_RADIUS_M * latitude.sin();
    }
    let count = corners.len() as f64;
    let (x, y, z) = (x / count, y / count, z / count);
    Point {
        longitude: y.atan2(x) / RADIANS,
        latitude: z.atan2((x * x + y * y).sqrt()) / RADIANS,
    }
}

fn farthest_corner(center: Point, bounds: Bounds) -> f64 {
    let corner = |longitude, latitude| center.distance_m(Point { longitude, latitude });
    let others = [
        corner(bounds.east, bounds.north),
        corner(bounds.west, bounds.south),
        corner(bounds.east, bounds.south),
    ];
    let first = corner(bounds.west, bounds.north);
    others
        .into_iter()
        .fold(first, |far, other| if other > far { other } else { far })
}

/// Whether a ray from `point` to the west meets an odd number of sides (Franklin's PNPOLY).
fn is_enclosed(corners: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut before = corners.last();
    for corner in corners {
        if let Some(other) = before.replace(corner)
            && (corner.latitude > point.latitude) != (other.latitude > point.latitude)
        {
            let slope = (other.longitude - corner.longitude) * (point.latitude - corner.latitude);
            let crossing = slope / (other.latitude - corner.latitude) + corner.longitude;
            inside ^= point.longitude < crossing;
        }
    }
    inside
}

/// How fine a grid may be so that nine cells cover what is within reach.
fn step_for(reach_m: f64, latitude: f64) -> u32 {
    if reach_m == 0.0 {
        return STEP_MAX;
    }
    let mut step: i32 = -1;
    let mut reach_m = reach_m;
    while reach_m < MERCATOR_MAX_M {
        reach_m *= 2.0;
        step += 1;
    }
    // Cells are narrower towards the poles.
    step -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    step.clamp(1, STEP_MAX as i32) as u32
}

/// The cells that a region around `center` touches: the middle one first, then its neighbours.
fn covering(center: Point, bounds: Bounds, reach_m: f64) -> Vec<Cell> {
    let mut step = step_for(reach_m, center.latitude);
    let mut middle = Cell::of(center, step);
    if step > 1 && !neighbours_reach(middle, bounds) {
        step -= 1;
        middle = Cell::of(center, step);
    }
    let own = middle.bounds();
    let inside = Sides {
        west: own.west < bounds.west,
        east: own.east > bounds.east,
        south: own.south < bounds.south,
        north: own.north > bounds.north,
    };
    let mut cells = vec![middle];
    let mut last = None;
    for (east, north) in [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)] {
        let beyond = inside.west && east < 0
            || inside.east && east > 0
            || inside.south && north < 0
            || inside.north && north > 0;
        let cell = middle.neighbour(east, north);
        // In a coarse grid the neighbours on both sides are one and the same.
        if !(beyond && step > 1 || last == Some(cell)) {
            cells.push(cell);
            last = Some(cell);
        }
    }
    cells
}

/// On which sides a region ends inside the middle cell.
struct Sides {
    west: bool,
    east: bool,
    south: bool,
    north: bool,
}

/// Whether the neighbours of a cell reach the ends of a region.
fn neighbours_reach(middle: Cell, bounds: Bounds) -> bool {
    let beside = |east, north| middle.neighbour(east, north).bounds();
    let falls_short = beside(0, 1).north < bounds.north
        || beside(0, -1).south > bounds.south
        || beside(1, 0).east < bounds.east
        || beside(-1, 0).west > bounds.west;
    !falls_short
}
