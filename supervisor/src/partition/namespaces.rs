//! The namespaces that the host grants.

use nix::sched::CloneFlags;
use serde::Serialize;

/// Which fences a partition gets, as far as the host grants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fences {
    /// A user namespace: the partition's user means nothing outside it.
    pub user: bool,
    /// A pid namespace: the partition sees no other process.
    pub pid: bool,
    /// A mount namespace with an empty root.
    pub mount: bool,
    /// A network namespace without a link.
    pub net: bool,
    /// System V objects and POSIX message queues of its own.
    pub ipc: bool,
    /// Host name of its own.
    pub uts: bool,
    /// An unprivileged user instead of the supervisor's root.
    pub unprivileged_user: bool,
}

impl Fences {
    /// Every fence there is.
    pub const ALL: Fences =
        Fences { user: true, pid: true, mount: true, net: true, ipc: true, uts: true, unprivileged_user: true };

    /// No namespace and no change of user: seccomp and no_new_privs alone.
    pub const NONE: Fences =
        Fences { user: false, pid: false, mount: false, net: false, ipc: false, uts: false, unprivileged_user: false };

    /// The flags for clone.
    pub fn flags(&self) -> CloneFlags {
        let mut flags = CloneFlags::empty();
        flags.set(CloneFlags::CLONE_NEWUSER, self.user);
        flags.set(CloneFlags::CLONE_NEWPID, self.pid);
        flags.set(CloneFlags::CLONE_NEWNS, self.mount);
        flags.set(CloneFlags::CLONE_NEWNET, self.net);
        flags.set(CloneFlags::CLONE_NEWIPC, self.ipc);
        flags.set(CloneFlags::CLONE_NEWUTS, self.uts);
        flags
    }

    /// Whether every fence of this set is one of `limit`'s.
    pub fn within(&self, limit: &Fences) -> bool {
        let pairs = [
            (self.user, limit.user),
            (self.pid, limit.pid),
            (self.mount, limit.mount),
            (self.net, limit.net),
            (self.ipc, limit.ipc),
            (self.uts, limit.uts),
            (self.unprivileged_user, limit.unprivileged_user),
        ];
        pairs.into_iter().all(|(wanted, allowed)| allowed || !wanted)
    }

    /// The namespaces that are missing, by name.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            ("user", self.user),
            ("pid", self.pid),
            ("mount", self.mount),
            ("net", self.net),
            ("ipc", self.ipc),
            ("uts", self.uts),
        ];
        all.into_iter().filter(|&(_, granted)| !granted).map(|(name, _)| name).collect()
    }

    /// Finds the best set that `try_birth` can make a process with: all of them; without a user namespace; then each
    /// by itself; and with or without the change of user.
    pub fn find(is_root: bool, mut try_birth: impl FnMut(&Fences) -> bool) -> Fences {
        let mut best = Fences { unprivileged_user: is_root, ..Fences::ALL };
        if try_birth(&best) {
            return best;
        }
        best.user = false;
        if try_birth(&best) {
            return best;
        }
        if is_root {
            best = Fences { user: true, unprivileged_user: false, ..Fences::ALL };
            if try_birth(&best) {
                return best;
            }
        }
        // One by one. A user namespace comes first, because it is what an ordinary user needs for all the others.
        let mut granted = Fences { unprivileged_user: is_root, ..Fences::NONE };
        if is_root && !try_birth(&granted) {
            granted.unprivileged_user = false;
        }
        let add: [fn(&mut Fences); 6] = [
            |fences| fences.user = true,
            |fences| fences.pid = true,
            |fences| fences.mount = true,
            |fences| fences.net = true,
            |fences| fences.ipc = true,
            |fences| fences.uts = true,
        ];
        for add in add {
            let mut candidate = granted;
            add(&mut candidate);
            if try_birth(&candidate) {
                granted = candidate;
            }
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generous_host_grants_all_at_the_first_try() {
        let mut tries = 0;
        let fences = Fences::find(true, |_| {
            tries += 1;
            true
        });
        assert_eq!((fences, tries), (Fences::ALL, 1));
    }

    #[test]
    fn without_user_namespaces_root_keeps_the_others() {
        let fences = Fences::find(true, |fences| !fences.user);
        assert_eq!(fences, Fences { user: false, ..Fences::ALL });
        assert_eq!(fences.missing(), ["user"]);
    }

    #[test]
    fn an_ordinary_user_without_user_namespaces_gets_none() {
        let fences = Fences::find(false, |fences| *fences == Fences::NONE);
        assert_eq!(fences, Fences::NONE);
    }

    #[test]
    fn a_single_refusal_costs_a_single_namespace() {
        let fences = Fences::find(false, |fences| !fences.net);
        assert_eq!(fences.missing(), ["net"]);
    }
}
