//! What a guest is told about itself.

use crate::common::write_module;
use crate::guests;
use crate::runs::{lines_of, run};

#[test]
fn a_guest_knows_its_period_its_table_its_limits_and_the_schedules() {
    for guest in guests() {
        let text = format!(
            r#"
            [module]
            name = "test"
            major_frame = "8 ms"
            module_health = {{ hardware_fault = "reset" }}

            [[partition]]
            name = "p"
            image = "{}"
            args = ["facts"]
            apex = {{ processes = 7, logbooks = 0 }}
            may_switch_schedule = true

            [partition.health]
            crash = "cold_start"
            deadline_missed = {{ level = "partition", action = "warm_start" }}
            memory_violation = {{ level = "process", action = "idle" }}
            hardware_fault = {{ level = "module" }}
            power_fail = "shutdown"

            [[schedule]]
            name = "first"
            window = [{{ partition = "p", start = "1 ms", duration = "1 ms", every = "4 ms" }}]

            [[schedule]]
            name = "an unusually long name, 32 bytes"
            window = [{{ partition = "p", start = "0 ms", duration = "3 ms" }}]

            [[schedule]]
            name = "without it"
            "#,
            guest.display()
        );
        let folder = tempfile::tempdir().expect("a folder");
        let finished = run(&[write_module(folder.path(), &text)]);
        assert_eq!(finished.code(), 0, "{finished:#?}");
        let expected = [
            "start 1 condition 0 mode 0 kept 0",
            "period 4000000 duration 1000000",
            "code 0 level 1 action 2",
            "code 1 level 0 action 1",
            "code 2 level 0 action 3",
            "code 3 level 0 action 3",
            "code 4 level 0 action 3",
            "code 5 level 0 action 1",
            "code 6 level 2 action 5",
            "code 7 level 2 action 4",
            "limits 7 32 32 32 32 32 0",
            "schedule first period 4000000 duration 1000000 windows 2 found 0",
            "schedule an unusually long name, 32 bytes period 8000000 duration 3000000 windows 1 found 1",
            "schedule without it period 8000000 duration 0 windows 0 found 2",
            "may switch 1, request 0, of none -1",
            "all is well",
        ];
        assert_eq!(lines_of(&finished.stdout, "p"), expected, "{}", guest.display());
    }
}

#[test]
fn a_guest_that_may_not_change_schedules_is_told_so() {
    for guest in guests() {
        let finished = crate::runs::run_module(&crate::alone(&guest, "args = [\"facts\"]"), &[]);
        let lines = lines_of(&finished.stdout, "p");
        assert!(lines.contains(&"may switch 0, request -2, of none -1"), "{finished:#?}");
        assert!(lines.contains(&"schedule main period 2000000 duration 1000000 windows 1 found 0"), "{finished:#?}");
    }
}
