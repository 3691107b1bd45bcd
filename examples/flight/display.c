/* The display: a line twice a second, in which a star climbs and sinks with the aircraft, and a line for everything that
 * happens. Plain text: nothing here needs a terminal. */
#include "flight.h"

enum { COLUMNS = 20, CEILING = 40000 };

static SAMPLING_PORT_ID_TYPE air_data, route, controls;
static SYSTEM_TIME_TYPE begun;

/* Tenths of a second since the beginning. */
static int tenths(void)
{
    SYSTEM_TIME_TYPE now;
    CALL(GET_TIME, &now);
    return (int)((now - begun) / (100 * MS));
}

static void happened(const char *what)
{
    int now = tenths();
    bh_printf("%3d.%d ---- %s\n", now / 10, now % 10, what);
}

static void strip(const AIR_DATA *air, const ROUTE *to, int steered)
{
    char chart[COLUMNS + 1];
    int now = tenths(), column = (int)(air->altitude * COLUMNS / CEILING);
    for (int i = 0; i < COLUMNS; i++)
        chart[i] = i == column ? (air->climb > 300 ? '/' : air->climb < -300 ? '\\' : '*') : ' ';
    chart[COLUMNS] = 0;
    bh_printf("%3d.%d |%s| %5d ft %03d deg %3d kt  %s %2d nm  %s\n", now / 10, now % 10, chart, (int)air->altitude,
              (int)air->heading, (int)(air->speed * 60), to->waypoint, (int)to->distance, steered ? "AP" : "--");
}

static void show(void)
{
    AIR_DATA air = {0};
    ROUTE to = {0};
    CONTROLS wanted = {0};
    int steered = 0, leg = -1;
    for (unsigned frame = 0;; frame++) {
        int measured = read_port(air_data, &air), known = read_port(route, &to), was_steered = steered;
        steered = read_port(controls, &wanted);
        if (known && to.leg != leg) {
            if (leg >= 0 && !to.arrived)
                happened("waypoint passed");
            leg = to.leg;
        }
        if (was_steered && !steered)
            happened("no autopilot! the aircraft flies on as it is");
        if (steered && !was_steered)
            happened(wanted.start == 1 ? "autopilot on" : wanted.careful ? "autopilot is back, and careful" : "autopilot is back");
        if (to.arrived) { /* old or new: whoever arrived stays there */
            happened("arrived");
            bh_halt(0);
        }
        if (measured && known && frame % 10 == 0)
            strip(&air, &to, steered);
        next_frame();
    }
}

int main(void)
{
    CALL(GET_TIME, &begun);
    PORT("air_data", AIR_DATA, DESTINATION, &air_data);
    PORT("route", ROUTE, DESTINATION, &route);
    PORT("controls", CONTROLS, DESTINATION, &controls);
    return every_frame(show);
}
