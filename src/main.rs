//! The operator's program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    flashjob_operator::cli::main()
}
