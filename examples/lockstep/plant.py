#!/usr/bin/env python3
"""The aircraft of the flight example, simulated outside the module that flies it.

Every 50 ms of virtual time it takes the autopilot's controls, moves the aircraft, and tells the module what its sensors measure. The
autopilot crashes on the way and is restarted, as in examples/flight. The last line is the digest of the run: the same every time.

    make -C examples
    examples/lockstep/plant.py [arguments for `bulkhead run`]
"""

import struct
import sys
from pathlib import Path

from lockstep import Module

CONFIGURATION = Path(__file__).resolve().parent / "module.toml"
FRAME_NS = 50_000_000
# A second of the module is a minute of the flight.
MINUTES_A_STEP = FRAME_NS / 1e9
# As in examples/flight/flight.h.
AIR_DATA = struct.Struct("<4d")  # altitude, climb, heading, speed
ROUTE = struct.Struct("<4d3i8s4x")  # bearing, distance, target altitude, target speed; leg, turn, arrived; waypoint
CONTROLS = struct.Struct("<3d2i")  # climb, turn, thrust; start, careful


class Aircraft:
    """Obeys the controls with some inertia, and flies on as it is without them, pushed about by the wind."""

    def __init__(self):
        self.altitude, self.climb, self.heading, self.speed = 1500.0, 0.0, 60.0, 3.0
        self.turn = 0.0
        self.gust = 1

    def step(self, climb, turn, thrust):
        """Flies for a frame. Only sums and products, so that the result is the same on every machine."""
        self.gust = (self.gust * 1103515245 + 12345) % 2**32
        wind = ((self.gust >> 16 & 255) - 110) / 10.0
        self.climb += (climb - self.climb) * 0.25
        self.turn += (turn - self.turn) * 0.3
        self.speed += max(-4.0, min(4.0, thrust)) * MINUTES_A_STEP
        self.altitude += (self.climb + wind * 8) * MINUTES_A_STEP
        self.heading = (self.heading + (self.turn + wind) * MINUTES_A_STEP) % 360.0

    def measured(self):
        """What the sensors tell."""
        return AIR_DATA.pack(self.altitude, self.climb, self.heading, self.speed)


class Flight:
    """The loop: aircraft, sensors, module, controls, aircraft."""

    def __init__(self, module):
        self.module, self.aircraft = module, Aircraft()
        self.steered = False

    def frame(self, sensors=True):
        """One frame; false once the module has ended. `sensors`: whether they work."""
        data, fresh = self.module.sample("controls")
        self.steered = fresh
        climb, turn, thrust, _, _ = CONTROLS.unpack(data) if fresh else (0.0, 0.0, 0.0, 0, 0)
        self.aircraft.step(climb, turn, thrust)
        if sensors:
            self.module.send("air_data", self.aircraft.measured())
        return self.module.advance(by_ns=FRAME_NS)


def main(arguments):
    with Module(CONFIGURATION, arguments) as module:
        flight = Flight(module)
        while True:
            begun_ns, before = module.now_ns, flight.steered
            if not flight.frame():
                break
            if flight.steered != before:
                print(f"plant: {begun_ns / 1e9:.2f} s: {'steered' if flight.steered else 'not steered'}", flush=True)
        status = module.close()
        aircraft = flight.aircraft
        print(f"plant: {module.end['ending']} at {module.now_ns / 1e9:.6f} s, {aircraft.altitude!r} feet, {aircraft.heading!r} degrees")
        print(f"plant: digest {module.end['digest']}")
        return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
