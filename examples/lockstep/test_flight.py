"""What a test of a module can look like. For pytest, or `python3 -m unittest test_flight`."""

import unittest

from lockstep import Module, Refused
from plant import CONFIGURATION, CONTROLS, FRAME_NS, Flight

# Nobody looks at the display.
ARGUMENTS = ["--quiet"]


class TestFlight(unittest.TestCase):
    def setUp(self):
        import subprocess

        self.module = Module(CONFIGURATION, ARGUMENTS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.module.close)
        self.flight = Flight(self.module)

    def fly(self, seconds, **how):
        for _ in range(round(seconds * 1e9 / FRAME_NS)):
            self.assertTrue(self.flight.frame(**how))

    def test_climbs_to_its_altitude_and_stays_there(self):
        self.fly(1)
        self.assertFalse(self.flight.steered, "it looks at its instruments first")
        self.fly(15)
        for _ in range(10):
            self.fly(0.1)
            self.assertTrue(self.flight.steered)
        self.assertGreater(self.flight.aircraft.altitude, 15_000)

    def test_lets_go_when_the_sensors_fail_and_comes_back(self):
        self.fly(3)
        self.assertTrue(self.flight.steered)
        # What it has stays valid for 200 ms, and so does what the autopilot then said last.
        self.fly(0.5, sensors=False)
        self.assertFalse(self.flight.steered)
        data, fresh = self.module.sample("controls")
        self.assertFalse(fresh)
        self.assertEqual(CONTROLS.unpack(data)[3], 1, "the autopilot has not been restarted")
        self.fly(0.2)
        self.assertTrue(self.flight.steered)

    def test_knows_its_ports(self):
        ports = {port["name"]: port["direction"] for port in self.module.hello["ports"]}
        self.assertEqual(ports, {"air_data": "send", "route": "receive", "controls": "receive"})
        with self.assertRaisesRegex(Refused, "32 at most"):
            self.module.send("air_data", bytes(33))
        self.fly(0.05)
        self.assertEqual(self.module.state()["partitions"][0]["windows"], 1)


if __name__ == "__main__":
    unittest.main()
