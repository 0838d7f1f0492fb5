//! `flashjob-operator completion`: what a shell completes on this command line. Touches no cluster.

use clap::CommandFactory;
use clap_complete::{
    Generator,
    shells::{Bash, Fish, Zsh},
};

use super::{CommandLine, Failure, write_out};

/// Name by which shells know the program.
const PROGRAM: &str = "flashjob-operator";

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
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    /// Prints the script.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let script = match self.shell {
            Shell::Bash => script(&Bash),
            Shell::Zsh => script(&Zsh),
            Shell::Fish => script(&Fish),
        }?;
        write_out(&script)
    }
}

fn script(shell: &impl Generator) -> Result<String, Failure> {
    let mut command = CommandLine::command();
    command.set_bin_name(PROGRAM);
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
        for script in [script(&Bash), script(&Zsh), script(&Fish)] {
            let script = script.unwrap();
            for word in ["explain", "rotate-seal", "max-in-flight"] {
                assert!(script.contains(word), "{word} in\n{script}");
            }
        }
    }
}
