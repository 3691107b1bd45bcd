/* The autopilot: keeps the aircraft on the route. It has a mistake. To begin a turn early it divides by the angle of the turn,
 * and at the one waypoint where the route goes straight on, that is zero. Nobody here catches the error, so it is the
 * partition's, whose table in flight.toml says warm start. An autopilot that finds itself restarted by the health monitor
 * leaves the refinement away. */
#include "flight.h"

static SAMPLING_PORT_ID_TYPE air_data, route, controls;
static int careful;

/* How far before the waypoint the turn begins, in hundredths of a nautical mile: far for a sharp turn at speed. */
static int lead(const ROUTE *to, const AIR_DATA *air)
{
    int sharpness = 9000 / to->turn;
    return (int)(air->speed * 2000) / (sharpness < 0 ? -sharpness : sharpness);
}

static void steer(void)
{
    AIR_DATA air;
    ROUTE to = {0};
    CONTROLS out = {.start = (int)bh_boot_info()->generation, .careful = careful};
    for (int frame = 0; frame < 20; frame++) /* a second to look at its instruments, as after every start */
        next_frame();
    for (;;) {
        int known = read_port(route, &to);
        if (to.arrived)
            bh_halt(0);
        if (known && read_port(air_data, &air)) {
            double error = around(to.bearing - air.heading);
            if (!careful && to.distance < 6 && to.distance * 100 < lead(&to, &air))
                error += within(to.turn, 10);
            out.turn = within(error * 12, 180);
            out.climb = within((to.target_altitude - air.altitude) * 2, 2600);
            out.thrust = within((to.target_speed - air.speed) * 2, 4);
            WRITE_PORT(controls, &out);
        }
        next_frame();
    }
}

int main(void)
{
    PARTITION_STATUS_TYPE status;
    CALL(GET_PARTITION_STATUS, &status);
    careful = status.START_CONDITION == HM_PARTITION_RESTART;
    PORT("air_data", AIR_DATA, DESTINATION, &air_data);
    PORT("route", ROUTE, DESTINATION, &route);
    PORT("controls", CONTROLS, SOURCE, &controls);
    return every_frame(steer);
}
