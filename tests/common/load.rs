//! Other work on the host, for tests whose outcome must not depend on it.

use std::process::{Child, Command, Stdio};

/// Processes that keep every CPU busy; dropping them ends them.
pub(crate) struct Load(Vec<Child>);

impl Load {
    pub(crate) fn start() -> Load {
        // At the lowest nice value: whatever this test was started as, guests are to be slowed down, not starved.
        let busy = |_| {
            let mut command = Command::new("nice");
            command.args(["-n", "39", "sh", "-c", "while :; do :; done"]).stdin(Stdio::null()).stdout(Stdio::null());
            command.spawn().expect("a shell")
        };
        Load((0..4).map(busy).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
