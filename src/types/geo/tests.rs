//! Geohashes against known places, and searches against looking at every point.

use super::*;
use proptest::prelude::*;

fn point(longitude: f64, latitude: f64) -> Point {
    Point { longitude, latitude }
}

#[test]
fn known_places() {
    let palermo = point(13.361389, 38.115556);
    let catania = point(15.087269, 37.502669);
    assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
    assert_eq!(Point::of_score(palermo.score()).geohash(), "sqc8b49rny0");
    let stored = |place: Point| Point::of_score(place.score());
    let distance = stored(palermo).distance_m(stored(catania));
    assert!((distance - 166_274.151_6).abs() < 0.0001, "{distance}");
    // The highest coordinates lie behind the last line of the grid.
    assert_eq!(point(180.0, 85.051_128_78).score(), (3u64 << 52) as f64);
}

#[test]
fn scores_that_are_no_cells_stand_for_points_all_the_same() {
    for (score, bits) in [
        (-5.0, u64::MAX - 4),
        (f64::INFINITY, 0),
        (f64::NEG_INFINITY, 1 << 63),
        (1e300, 0),
        ((1u64 << 63) as f64, 1 << 63),
        (2.5, 2),
    ] {
        assert_eq!(bits_of(score), bits, "{score}");
        assert!(Point::of_score(score).is_valid());
    }
}

fn points() -> impl Strategy<Value = Point> {
    let anywhere = (-180.0..=180.0, -85.051_128_78..=85.051_128_78);
    let near = (10.0..11.0, 50.0..51.0);
    prop_oneof![anywhere, near].prop_map(|(longitude, latitude)| point(longitude, latitude))
}

fn shapes() -> impl Strategy<Value = Shape> {
    let size = prop_oneof![0.0..1e5, 0.0..3e6];
    let circle = (points(), size.clone()).prop_map(|(center, radius_m)| Shape::Circle { center, radius_m });
    let rectangle = (points(), size.clone(), size).prop_map(|(center, width_m, height_m)| Shape::Rectangle {
        center,
        width_m,
        height_m,
    });
    let corner = (-20.0..40.0, 20.0..60.0).prop_map(|(longitude, latitude)| point(longitude, latitude));
    let polygon = prop::collection::vec(corner, 3..7).prop_map(Shape::Polygon);
    prop_oneof![circle, rectangle, polygon]
}

proptest! {
    #[test]
    fn a_stored_point_moves_less_than_a_cell(place in points()) {
        let stored = Point::of_score(place.score());
        prop_assert!((stored.longitude - place.longitude).abs() <= 360.0 / f64::from(1 << STEP_MAX));
        prop_assert!((stored.latitude - place.latitude).abs() <= 180.0 / f64::from(1 << STEP_MAX));
        prop_assert_eq!(stored.score(), Point::of_score(stored.score()).score());
    }

    #[test]
    fn bits_interleave_and_come_apart(even: u32, odd: u32) {
        let bits = interleave(even, odd);
        prop_assert_eq!((gather(bits), gather(bits >> 1)), (even, odd));
        prop_assert_eq!(bits.count_ones(), even.count_ones() + odd.count_ones());
    }

    #[test]
    fn what_is_inside_an_area_is_inside_its_cells(shape in shapes(), places in prop::collection::vec(points(), 1..50)) {
        let center = match &shape {
            Shape::Circle { center, .. } | Shape::Rectangle { center, .. } => center.latitude.abs(),
            Shape::Polygon(_) => 0.0,
        };
        // Around the poles and the date line a search finds less, as in Valkey.
        prop_assume!(center < 60.0);
        let area = Area::of(shape);
        for place in places.into_iter().filter(|place| place.longitude.abs() < 130.0) {
            let score = place.score();
            let stored = Point::of_score(score);
            let covered = area.scores().any(|(from, to)| (from..to).contains(&score));
            prop_assert!(covered || area.distance_m(stored).is_none(), "{stored:?} in {area:?}");
        }
    }
}
