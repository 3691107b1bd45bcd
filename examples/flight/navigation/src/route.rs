//! The route, and the reckoning of where the aircraft is on it.

use libm::{atan2, cos, sin, sqrt};

/// Minutes of flight in a step of 50 ms: a second of the module is a minute of the flight.
const STEP: f64 = 0.05;

/// What the sensors tell; in C, `AIR_DATA`.
pub struct AirData {
    /// Degrees.
    heading: f64,
    /// Nautical miles a minute.
    speed: f64,
}

impl AirData {
    /// From a message of four doubles: altitude, climb, heading, speed.
    pub fn read(message: &[u8]) -> Option<AirData> {
        let double = |index: usize| Some(f64::from_le_bytes(message.get(index * 8..index * 8 + 8)?.try_into().ok()?));
        Some(AirData { heading: double(2)?, speed: double(3)? })
    }
}

/// A leg of the route, to a waypoint.
struct Leg {
    waypoint: &'static [u8; 8],
    /// Degrees, from the waypoint before.
    course: f64,
    /// Nautical miles.
    length: f64,
    /// Feet.
    altitude: f64,
    /// Nautical miles a minute.
    speed: f64,
}

const fn leg(waypoint: &'static [u8; 8], course: f64, length: f64, altitude: f64, speed: f64) -> Leg {
    Leg { waypoint, course, length, altitude, speed }
}

const LEGS: [Leg; 5] = [
    leg(b"KERAX\0\0\0", 60.0, 35.0, 24_000.0, 6.5),
    leg(b"MANAL\0\0\0", 90.0, 40.0, 36_000.0, 7.5),
    leg(b"LORPA\0\0\0", 90.0, 45.0, 36_000.0, 7.5),
    leg(b"RASVO\0\0\0", 55.0, 50.0, 14_000.0, 6.0),
    leg(b"TOSTU\0\0\0", 100.0, 30.0, 2_000.0, 3.5),
];

/// Where the aircraft is, and where it goes.
pub struct Navigator {
    east: f64,
    north: f64,
    leg: usize,
}

impl Navigator {
    pub const fn new() -> Navigator {
        Navigator { east: 0.0, north: 0.0, leg: 0 }
    }

    /// Whether the last waypoint is behind.
    pub fn arrived(&self) -> bool {
        self.leg == LEGS.len()
    }

    /// A step at this heading and speed. A waypoint is passed within two miles.
    pub fn fly(&mut self, air: &AirData) {
        let heading = air.heading.to_radians();
        self.east += sin(heading) * air.speed * STEP;
        self.north += cos(heading) * air.speed * STEP;
        if !self.arrived() && self.to_waypoint().1 < 2.0 {
            self.leg += 1;
        }
    }

    /// Bearing in degrees and distance in miles of the next waypoint, or the last.
    fn to_waypoint(&self) -> (f64, f64) {
        let (mut east, mut north) = (-self.east, -self.north);
        for leg in &LEGS[..LEGS.len().min(self.leg + 1)] {
            let course = leg.course.to_radians();
            east += sin(course) * leg.length;
            north += cos(course) * leg.length;
        }
        (atan2(east, north).to_degrees(), sqrt(east * east + north * north))
    }

    /// What the others are told; in C, `ROUTE`.
    pub fn route(&self) -> [u8; 56] {
        let index = self.leg.min(LEGS.len() - 1);
        let leg = &LEGS[index];
        let turn = LEGS.get(index + 1).map_or(1.0, |next| next.course - leg.course);
        let (bearing, distance) = self.to_waypoint();
        let mut message = [0; 56];
        for (index, value) in [bearing, distance, leg.altitude, leg.speed].into_iter().enumerate() {
            message[index * 8..index * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (index, value) in [self.leg as i32, turn as i32, i32::from(self.arrived())].into_iter().enumerate() {
            message[32 + index * 4..36 + index * 4].copy_from_slice(&value.to_le_bytes());
        }
        message[44..52].copy_from_slice(leg.waypoint);
        message
    }
}
