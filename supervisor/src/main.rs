//! The `bulkhead` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bulkhead::cli::main())
}
