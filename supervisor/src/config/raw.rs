//! What a configuration says, table by table, before anybody has judged it.
//!
//! Every key is optional here. A missing one is reported by `validate`, together with everything else, where a required
//! field would end deserialization at the first that is missing.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
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
    pub(super) module_health: Option<RawModuleHealth>,
}

/// `[module] storm`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStorm {
    pub(super) restarts: Option<Spanned<i64>>,
    pub(super) within: Option<Spanned<Quantity>>,
    pub(super) action: Option<Spanned<String>>,
}

/// `health` of the module or of a partition.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealth {
    pub(super) exit: Option<RawResponse>,
    pub(super) crash: Option<RawResponse>,
    pub(super) forbidden_call: Option<RawResponse>,
    pub(super) overrun: Option<RawResponse>,
    pub(super) late_window: Option<RawResponse>,
    pub(super) deadline_missed: Option<RawResponse>,
    pub(super) application_error: Option<RawResponse>,
    pub(super) numeric_error: Option<RawResponse>,
    pub(super) illegal_request: Option<RawResponse>,
    pub(super) stack_overflow: Option<RawResponse>,
    pub(super) memory_violation: Option<RawResponse>,
    pub(super) hardware_fault: Option<RawResponse>,
    pub(super) power_fail: Option<RawResponse>,
}

/// `[module] module_health`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModuleHealth {
    pub(super) deadline_missed: Option<Spanned<String>>,
    pub(super) application_error: Option<Spanned<String>>,
    pub(super) numeric_error: Option<Spanned<String>>,
    pub(super) illegal_request: Option<Spanned<String>>,
    pub(super) stack_overflow: Option<Spanned<String>>,
    pub(super) memory_violation: Option<Spanned<String>>,
    pub(super) hardware_fault: Option<Spanned<String>>,
    pub(super) power_fail: Option<Spanned<String>>,
}

/// What is to be done about an error: an action, or a table with an action and a level.
#[derive(Debug)]
pub(super) enum RawResponse {
    Action(Spanned<String>),
    Both { level: Option<Spanned<String>>, action: Option<Spanned<String>> },
}

impl<'de> Deserialize<'de> for RawResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Both {
            level: Option<Spanned<String>>,
            action: Option<Spanned<String>>,
        }

        struct ResponseVisitor;

        impl<'de> Visitor<'de> for ResponseVisitor {
            type Value = Either;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E>(self, text: &str) -> Result<Either, E> {
                Ok(Either::Word(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Either, A::Error> {
                Both::deserialize(MapAccessDeserializer::new(map)).map(Either::Table)
            }
        }

        enum Either {
            Word(String),
            Table(Both),
        }

        impl<'de> Deserialize<'de> for Either {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ResponseVisitor)
            }
        }

        let value = Spanned::<Either>::deserialize(deserializer)?;
        let span = value.span();
        Ok(match value.into_inner() {
            Either::Word(word) => RawResponse::Action(Spanned::new(span, word)),
            Either::Table(Both { level, action }) => RawResponse::Both { level, action },
        })
    }
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
    pub(super) period: Option<Spanned<Quantity>>,
    pub(super) duration: Option<Spanned<Quantity>>,
    pub(super) may_switch_schedule: Option<Spanned<bool>>,
    pub(super) apex: Option<RawApex>,
}

/// `[[partition]] apex`: limits of the partition's executive.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApex {
    pub(super) processes: Option<Spanned<i64>>,
    pub(super) buffers: Option<Spanned<i64>>,
    pub(super) blackboards: Option<Spanned<i64>>,
    pub(super) semaphores: Option<Spanned<i64>>,
    pub(super) events: Option<Spanned<i64>>,
    pub(super) mutexes: Option<Spanned<i64>>,
    pub(super) logbooks: Option<Spanned<i64>>,
}

/// `[[schedule]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchedule {
    pub(super) name: Option<Spanned<String>>,
    /// Taken out and read by itself before; here so that it is among the known keys.
    #[serde(rename = "window")]
    _window: Option<IgnoredAny>,
}

/// `[[window]]` or `[[schedule.window]]`.
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

/// `[[memory]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMemory {
    pub(super) name: Option<Spanned<String>>,
    pub(super) size: Option<Spanned<Quantity>>,
    pub(super) readers: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) writers: Option<Spanned<Vec<Spanned<String>>>>,
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
