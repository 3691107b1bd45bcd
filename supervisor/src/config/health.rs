//! Health tables: what a configuration says about errors, and the complete table that comes of it.
//!
//! A partition's own table comes before the module's, and within each table an error's own key comes before that of a more
//! general error: `memory_violation` before `crash`. What nobody mentions has the default.

use toml::Spanned;

use super::checks::{choice, time_in};
use super::mistakes::Mistake;
use super::module::MAX_STORM_NS;
use super::raw::{RawHealth, RawModuleHealth, RawResponse, RawStorm};
use crate::health::{Action, Error, ErrorCode, Level, ModuleTable, Response, Storm, StormAction, Table};

/// The health monitor's actions by name.
const ACTIONS: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("idle", Action::Idle),
    ("warm_start", Action::WarmStart),
    ("cold_start", Action::ColdStart),
    ("shutdown", Action::Shutdown),
    ("reset", Action::Reset),
];
/// Those of a module.
const MODULE_ACTIONS: [(&str, Action); 3] =
    [("ignore", Action::Ignore), ("shutdown", Action::Shutdown), ("reset", Action::Reset)];
/// What can be done about a storm.
const STORM_ACTIONS: [(&str, StormAction); 3] =
    [("shutdown", StormAction::Shutdown), ("idle", StormAction::Idle), ("reset", StormAction::Reset)];
const LEVELS: [(&str, Level); 3] =
    [("process", Level::Process), ("partition", Level::Partition), ("module", Level::Module)];

/// What a table says about one error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Said {
    level: Option<Level>,
    action: Option<Action>,
}

/// What one `health` table says: by code of the error.
#[derive(Debug, Default)]
pub(super) struct Layer([Option<Said>; Error::ALL.len()]);

/// Reads a `health` table.
pub(super) fn layer(raw: Option<&RawHealth>, found: &mut Vec<Mistake>) -> Layer {
    let Some(raw) = raw else { return Layer::default() };
    Layer(Error::ALL.map(|error| said(error, value(raw, error)?, found)))
}

/// The key of an error.
fn value(raw: &RawHealth, error: Error) -> Option<&RawResponse> {
    let value = match error {
        Error::Exit => &raw.exit,
        Error::Crash => &raw.crash,
        Error::ForbiddenCall => &raw.forbidden_call,
        Error::Overrun => &raw.overrun,
        Error::LateWindow => &raw.late_window,
        Error::DeadlineMissed => &raw.deadline_missed,
        Error::ApplicationError => &raw.application_error,
        Error::NumericError => &raw.numeric_error,
        Error::IllegalRequest => &raw.illegal_request,
        Error::StackOverflow => &raw.stack_overflow,
        Error::MemoryViolation => &raw.memory_violation,
        Error::HardwareFault => &raw.hardware_fault,
        Error::PowerFail => &raw.power_fail,
    };
    value.as_ref()
}

/// Whether a partition's error handler could ever have this error. The general ones stand for several.
fn may_be_handled(error: Error) -> bool {
    error.usual_level() == Level::Process || error == Error::Crash
}

/// What the value of one key says; `None` if it is wrong.
fn said(error: Error, raw: &RawResponse, found: &mut Vec<Mistake>) -> Option<Said> {
    let (level, action) = match raw {
        RawResponse::Action(word) => {
            let action = choice(&Some(word.clone()), "health action", &ACTIONS, found)?;
            return Some(Said { level: action.is_of_module().then_some(Level::Module), action: Some(action) });
        }
        RawResponse::Both { level, action } => (level, action),
    };
    let chosen_level = choice(level, "health level", &LEVELS, found);
    let chosen_action = choice(action, "health action", &ACTIONS, found);
    // A word that is wrong has been reported.
    if level.is_some() != chosen_level.is_some() || action.is_some() != chosen_action.is_some() {
        return None;
    }
    let (name, before) = (error.name(), found.len());
    if let (Some(level), Some(Level::Process)) = (level, chosen_level)
        && !may_be_handled(error)
    {
        let title = format!("`{name}` cannot be dealt with by a process");
        found.push(
            Mistake::at(level.span(), title, "no code of the partition ever learns of it")
                .help("use the level `partition` or `module`"),
        );
    }
    if let (Some(level), Some(action), Some(chosen)) = (level, action, chosen_action) {
        let fits = match chosen_level {
            Some(Level::Module) => chosen.is_of_module() || chosen == Action::Ignore,
            Some(Level::Partition) => !chosen.is_of_module(),
            _ => true,
        };
        if !fits {
            let word = action.get_ref();
            let title = format!("the health action `{word}` is none of the level `{}`", level.get_ref());
            let known = match chosen_level {
                Some(Level::Module) => "a module has `ignore`, `shutdown`, `reset`",
                _ => "a partition has `ignore`, `idle`, `warm_start`, `cold_start`",
            };
            found.push(Mistake::at(action.span(), title, known).also(level.span(), "the level"));
        }
    }
    if let (Some(level), Some(Level::Module), None) = (level, chosen_level, action)
        && !ErrorCode::ALL.iter().any(|&code| Error::from(code) == error)
    {
        let title = format!("`{name}` at the level `module` needs an `action`");
        found.push(Mistake::at(level.span(), title, "`module_health` has no action for it"));
    }
    let implied = chosen_action.filter(|action| action.is_of_module()).map(|_| Level::Module);
    (found.len() == before).then_some(Said { level: chosen_level.or(implied), action: chosen_action })
}

/// The complete table of a partition: its own layer over the module's over the defaults.
pub(super) fn table(own: &Layer, of_module: &Layer, module: ModuleTable) -> Table {
    let mut table = Table::default();
    for error in Error::ALL {
        let in_layer = |layer: &&Layer| error.keys().iter().find_map(|key| layer.0[usize::from(key.code())]);
        let said = [own, of_module].iter().find_map(in_layer);
        if let Some(said) = said {
            table.set(error, response(error, said, module));
        }
    }
    table
}

/// The response to an error about which `said` has been said.
fn response(error: Error, said: Said, module: ModuleTable) -> Response {
    let default = Table::default().response(error);
    let code = ErrorCode::ALL.into_iter().find(|&code| Error::from(code) == error);
    let level = match said.level {
        // Said of a more general error.
        Some(Level::Process) if !may_be_handled(error) => Level::Partition,
        // No handler sees what has no code.
        Some(Level::Process) if code.is_none() => Level::Partition,
        Some(level) => level,
        None => default.level,
    };
    let action = said.action.unwrap_or(match (level, code) {
        (Level::Module, Some(code)) => module.action(code),
        (Level::Module, None) => Action::Shutdown,
        _ => default.action,
    });
    Response { level, action }
}

/// The module's own table.
pub(super) fn module_table(raw: Option<&RawModuleHealth>, found: &mut Vec<Mistake>) -> ModuleTable {
    let Some(raw) = raw else { return ModuleTable::default() };
    let default = ModuleTable::default();
    let values = [
        &raw.deadline_missed,
        &raw.application_error,
        &raw.numeric_error,
        &raw.illegal_request,
        &raw.stack_overflow,
        &raw.memory_violation,
        &raw.hardware_fault,
        &raw.power_fail,
    ];
    let mut action = |code: ErrorCode| {
        let value: &Option<Spanned<String>> = values[code as usize];
        choice(value, "health action of a module", &MODULE_ACTIONS, found).unwrap_or(default.action(code))
    };
    ModuleTable(ErrorCode::ALL.map(&mut action))
}

/// When restarts come too thick.
pub(super) fn storm(raw: Option<&RawStorm>, found: &mut Vec<Mistake>) -> Storm {
    let mut storm = Storm::default();
    let Some(raw) = raw else { return storm };
    if let Some(restarts) = &raw.restarts {
        match u32::try_from(*restarts.get_ref()) {
            Ok(number) => storm.restarts = number,
            Err(_) => found.push(Mistake::at(
                restarts.span(),
                "`storm.restarts` in `[module]` is out of range",
                format!("must be from 0 to {}", u32::MAX),
            )),
        }
    }
    if let Some(ns) = time_in(raw.within.as_ref(), "storm.within", "`[module]`", 1..=MAX_STORM_NS, found) {
        storm.within_ns = ns;
    }
    storm.action = choice(&raw.action, "action for a storm", &STORM_ACTIONS, found).unwrap_or_default();
    storm
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer_of(said: &[(Error, Option<Level>, Option<Action>)]) -> Layer {
        let mut layer = Layer::default();
        for &(error, level, action) in said {
            layer.0[usize::from(error.code())] = Some(Said { level, action });
        }
        layer
    }

    fn resolve(
        own: &[(Error, Option<Level>, Option<Action>)],
        of_module: &[(Error, Option<Level>, Option<Action>)],
    ) -> Table {
        let mut module = ModuleTable::default();
        module.0[ErrorCode::MemoryViolation as usize] = Action::Reset;
        table(&layer_of(own), &layer_of(of_module), module)
    }

    #[test]
    fn the_nearer_table_and_in_it_the_nearer_key_win() {
        use Action::{ColdStart, Idle, Ignore, WarmStart};
        use Error::{Crash, ForbiddenCall, IllegalRequest, MemoryViolation, NumericError, StackOverflow};
        let says = |error, action| (error, None, Some(action));
        let of_module = [says(MemoryViolation, WarmStart), says(Crash, Ignore)];
        let cases = [
            // Own table, error, action.
            (vec![], MemoryViolation, WarmStart),
            (vec![], NumericError, Ignore),
            (vec![says(Crash, ColdStart)], MemoryViolation, ColdStart),
            (vec![says(Crash, ColdStart), says(NumericError, Idle)], NumericError, Idle),
            (vec![says(Crash, ColdStart), says(NumericError, Idle)], StackOverflow, ColdStart),
            // A forbidden call is an illegal request, but no crash.
            (vec![says(Crash, ColdStart)], ForbiddenCall, Idle),
            (vec![says(IllegalRequest, WarmStart)], ForbiddenCall, WarmStart),
            (vec![says(IllegalRequest, WarmStart), says(ForbiddenCall, Idle)], ForbiddenCall, Idle),
        ];
        for (own, error, expected) in cases {
            assert_eq!(resolve(&own, &of_module).response(error).action, expected, "{own:?} {error:?}");
        }
    }

    #[test]
    fn levels_follow_from_what_is_said() {
        let level = |said: &[_], error| {
            let response = resolve(said, &[]).response(error);
            (response.level, response.action)
        };
        use Error::{Crash, Exit, MemoryViolation};
        assert_eq!(level(&[], MemoryViolation), (Level::Process, Action::Idle));
        let shutdown = (MemoryViolation, Some(Level::Module), Some(Action::Shutdown));
        assert_eq!(level(&[shutdown], MemoryViolation), (Level::Module, Action::Shutdown));
        // Without an action, the module's table has it.
        let up = (MemoryViolation, Some(Level::Module), None);
        assert_eq!(level(&[up], MemoryViolation), (Level::Module, Action::Reset));
        // What is said of crashes holds for each kind of them, as far as it can.
        let handled = (Crash, Some(Level::Process), Some(Action::ColdStart));
        assert_eq!(level(&[handled], MemoryViolation), (Level::Process, Action::ColdStart));
        assert_eq!(level(&[handled], Crash), (Level::Partition, Action::ColdStart));
        assert_eq!(level(&[handled], Error::HardwareFault), (Level::Partition, Action::ColdStart));
        assert_eq!(level(&[handled], Exit), (Level::Partition, Action::Idle));
    }
}
