//! The little that only assembly can say, one file an architecture.

#[cfg(target_arch = "x86_64")]
#[path = "coverage_x86_64.rs"]
mod coverage;
#[cfg(target_arch = "x86_64")]
#[path = "paravirt_x86_64.rs"]
mod paravirt;
#[cfg(target_arch = "x86_64")]
#[path = "step_x86_64.rs"]
mod step;
#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use paravirt::bh_served;
#[cfg(target_arch = "x86_64")]
pub(crate) use step::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("bulkhead-shim knows x86-64 only, so far");
