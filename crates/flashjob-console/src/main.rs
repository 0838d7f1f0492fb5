//! The console's program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    flashjob_console::command_line::main()
}
