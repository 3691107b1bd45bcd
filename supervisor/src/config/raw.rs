//! What a configuration says, table by table, before anybody has judged it.
//!
//! Every key is optional here. A missing one is reported by `validate`, together with everything else, where a required
//! field would end deserialization at the first that is missing.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use toml::Spanned;

/// `[module]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModule {
    pub(super) name: Option<Spanned<String>>,
    pub(super) major_frame: Option<Spanned<Quantity>>,
    pub(super) cores: Option<Spanned<Vec<Spanned<i64>>>>,
    pub(super) late_after: Option<Spanned<Quantity>>,
    pub(super) overrun_after: Option<Spanned<Quantity>>,
    pub(super) storm: Option<RawStorm>,
    pub(super) health: Option<RawHealth>,
}

/// `[module] storm`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStorm {
    pub(super) restarts: Option<Spanned<i64>>,
    pub(super) within: Option<Spanned<Quantity>>,
}

/// `health` of the module or of a partition.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealth {
    pub(super) exit: Option<Spanned<String>>,
    pub(super) crash: Option<Spanned<String>>,
    pub(super) forbidden_call: Option<Spanned<String>>,
    pub(super) overrun: Option<Spanned<String>>,
    pub(super) late_window: Option<Spanned<String>>,
}

/// `[[partition]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPartition {
    pub(super) name: Option<Spanned<String>>,
    pub(super) image: Option<Spanned<String>>,
    pub(super) memory: Option<Spanned<Quantity>>,
    pub(super) stack: Option<Spanned<Quantity>>,
    pub(super) args: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) core: Option<Spanned<i64>>,
    pub(super) start: Option<Spanned<String>>,
    pub(super) stdin: Option<Spanned<bool>>,
    pub(super) health: Option<RawHealth>,
}

/// `[[window]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWindow {
    pub(super) partition: Option<Spanned<String>>,
    pub(super) start: Option<Spanned<Quantity>>,
    pub(super) duration: Option<Spanned<Quantity>>,
    pub(super) every: Option<Spanned<Quantity>>,
}

/// `[[channel]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    pub(super) name: Option<Spanned<String>>,
    pub(super) kind: Option<Spanned<String>>,
    pub(super) message: Option<Spanned<Quantity>>,
    pub(super) refresh: Option<Spanned<Quantity>>,
    pub(super) depth: Option<Spanned<i64>>,
    pub(super) source: Option<Spanned<String>>,
    pub(super) destinations: Option<Spanned<Vec<Spanned<String>>>>,
}

/// A number with a unit, as text. A bare number is let in so that it can be reported as one that lacks its unit.
#[derive(Debug)]
pub(super) struct Quantity(pub(super) String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string with a number and its unit")
            }

            fn visit_str<E>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
        }

        deserializer.deserialize_any(QuantityVisitor)
    }
}
