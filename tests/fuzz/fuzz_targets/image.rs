//! Feeds any bytes to the image checker: it must not panic, and what it accepts must obey every rule.
#![no_main]

use bulkhead::image::{check, symbolise};
use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../image/invariants.rs"]
mod invariants;

/// An address in the code of the corpus' good image, besides those that the input brings with it.
const IN_CODE: u64 = 0x40_03d2;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let entry = match check(bytes) {
        Ok(image) => {
            invariants::hold(bytes, &image);
            image.entry
        }
        Err(error) => {
            invariants::message_holds(&error);
            u64::MAX
        }
    };
    for address in [entry, IN_CODE] {
        if let Some(name) = symbolise(bytes, address) {
            invariants::name_holds(&name);
        }
    }
    Corpus::Keep
});
