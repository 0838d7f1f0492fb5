//! `completion`: what a shell completes on a command line. Touches no cluster.

use clap::{Command, CommandFactory};
use clap_complete::{
    Generator,
    shells::{Bash, Fish, Zsh},
};

use super::{CommandLine, Failure, PROGRAM, write_out};

/// Options of `completion`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    source <(flashjob-operator completion bash)\n  \
    flashjob-operator completion zsh > \"${fpath[1]}/_flashjob-operator\"\n  \
    flashjob-operator completion fish > ~/.config/fish/completions/flashjob-operator.fish\n\n\
    Rights: none; it asks no cluster.")]
pub struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// A shell that can complete.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Completion {
    /// Prints the script.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        write_out(&script(self.shell, CommandLine::command(), PROGRAM)?)
    }
}

/// The script by which a shell completes a command line, known to it by that name.
///
/// # Errors
/// When it cannot be made.
pub fn script(shell: Shell, command: Command, program: &str) -> Result<String, Failure> {
    match shell {
        Shell::Bash => generate(&Bash, command, program),
        Shell::Zsh => generate(&Zsh, command, program),
        Shell::Fish => generate(&Fish, command, program),
    }
}

fn generate(
    shell: &impl Generator,
    mut command: Command,
    program: &str,
) -> Result<String, Failure> {
    command.set_bin_name(program);
    command.build();
    let mut script = Vec::new();
    shell.try_generate(&command, &mut script)?;
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_subcommands_and_their_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, CommandLine::command(), PROGRAM).unwrap();
            for word in ["verify-receipt", "rotate-seal", "max-in-flight"] {
                assert!(script.contains(word), "{word} in\n{script}");
            }
        }
    }
}
