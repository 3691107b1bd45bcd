//! Navigation, a partition written for `a653rs`: it reckons the position from heading and speed, and says which waypoint comes
//! next. On another hypervisor of that crate only the type in the attribute below would differ.
#![no_std]
#![no_main]

mod route;

use a653rs::prelude::PartitionExt;
use bulkhead_shim::entry;

entry!(main);

fn main() -> i32 {
    navigation::Partition.run()
}

#[a653rs::partition(bulkhead_apex::Bulkhead)]
mod navigation {
    use super::route::{AirData, Navigator};
    use bulkhead_shim::{boot, partition};

    #[sampling_in(name = "air_data", msg_size = "32B", refresh_period = "200ms")]
    struct AirDataIn;

    #[sampling_out(name = "route", msg_size = "56B")]
    struct RouteOut;

    #[start(cold)]
    fn cold_start(ctx: start::Context) {
        warm_start(ctx);
    }

    #[start(warm)]
    fn warm_start(mut ctx: start::Context) {
        ctx.create_air_data_in().unwrap();
        ctx.create_route_out().unwrap();
        ctx.create_navigate().unwrap().start().unwrap();
    }

    #[periodic(
        period = "50ms",
        time_capacity = "Infinite",
        stack_size = "16KiB",
        base_priority = 20,
        deadline = "Soft"
    )]
    fn navigate(ctx: navigate::Context) {
        let patrols = boot::args().any(|argument| argument == "patrol");
        let mut navigator = Navigator::new();
        let mut frames_after_arrival = 0;
        loop {
            let mut message = [0; 32];
            if let Ok((_, bytes)) = ctx.air_data_in.unwrap().receive(&mut message)
                && let Some(air) = AirData::read(bytes)
            {
                navigator.fly(&air);
            }
            if navigator.arrived() && patrols {
                // From here the same way once more, and nobody hears of an arrival.
                navigator = Navigator::new();
            }
            ctx.route_out.unwrap().send(&navigator.route()).unwrap();
            if navigator.arrived() {
                frames_after_arrival += 1;
            }
            if frames_after_arrival == 10 {
                partition::halt(0);
            }
            ctx.periodic_wait().unwrap();
        }
    }
}
