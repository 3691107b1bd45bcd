/* Sensors, and the aircraft that they measure: it obeys the autopilot's controls with some inertia, and without fresh ones
 * it flies on as it is, pushed about by the wind. */
#include "flight.h"

static SAMPLING_PORT_ID_TYPE air_data, controls, route;

static void fly(void)
{
    AIR_DATA air = {.altitude = 1500, .climb = 0, .heading = 60, .speed = 3};
    double turn = 0;
    unsigned gust = 1;
    for (;;) {
        CONTROLS wanted;
        ROUTE to = {0};
        read_port(route, &to);
        if (to.arrived)
            bh_halt(0);
        if (!read_port(controls, &wanted))
            wanted = (CONTROLS){.climb = 0, .turn = 0, .thrust = 0};
        gust = gust * 1103515245 + 12345;
        double wind = ((int)(gust >> 16 & 255) - 110) / 10.0;

        air.climb += (wanted.climb - air.climb) * 0.25;
        turn += (wanted.turn - turn) * 0.3;
        air.speed += within(wanted.thrust, 4) * MINUTES_A_STEP;
        air.altitude += (air.climb + wind * 8) * MINUTES_A_STEP;
        air.heading += (turn + wind) * MINUTES_A_STEP;
        if (air.heading >= 360)
            air.heading -= 360;
        if (air.heading < 0)
            air.heading += 360;
        WRITE_PORT(air_data, &air);
        next_frame();
    }
}

int main(void)
{
    PORT("air_data", AIR_DATA, SOURCE, &air_data);
    PORT("controls", CONTROLS, DESTINATION, &controls);
    PORT("route", ROUTE, DESTINATION, &route);
    return every_frame(fly);
}
